"""`afflux config`: the settings in force, secrets masked."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlsplit, urlunsplit

import typer
from pydantic import SecretStr
from rich.table import Table

from launcher.connect import complete
from launcher.console import out, print_json
from launcher.settings import Settings, fields, load, variable

MASK = "********"


def show_config(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on one line.")] = False,
) -> None:
    """Show every setting, its value and its environment variable. Secrets are masked."""
    settings = complete(load())
    if as_json:
        print_json({name: value for name, value, _ in shown(settings)})
        return
    table = Table("setting", "value", "variable", box=None, header_style="bold", pad_edge=False)
    for name, value, env in shown(settings):
        table.add_row(name, "" if value is None else str(value), env)
    out().print(table)


def masked(secret: str) -> str:
    """A secret as it may be shown: of a URL only the password is hidden.

    >>> masked("s3cret"), masked("rediss://me:s3cret@host:6379/0"), masked("")
    ('********', 'rediss://me:********@host:6379/0', '')
    """
    if "://" not in secret:
        return MASK if secret else ""
    parts = urlsplit(secret)
    user, at, host = parts.netloc.rpartition("@")
    name, colon, _ = user.partition(":")
    safe = f"{name}:{MASK}{at}{host}" if colon else parts.netloc
    return urlunsplit((parts.scheme, safe, parts.path, "", ""))


def shown(settings: Settings) -> list[tuple[str, Any, str]]:
    """(dotted name, value that may be shown, environment variable) of every setting."""
    rows = []
    for group, name, _ in fields():
        value = getattr(getattr(settings, group) if group else settings, name)
        if isinstance(value, SecretStr):
            value = masked(value.get_secret_value())
        elif not isinstance(value, (int, float, str, bool, type(None))):
            value = str(value)
        rows.append((f"{group}.{name}" if group else name, value, variable(group, name)))
    return rows
