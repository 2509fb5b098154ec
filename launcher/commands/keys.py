"""`afflux keys`: who may use the HTTP API."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from launcher.compose import key_path
from launcher.console import plain, print_json, report, say
from launcher.errors import LauncherError
from launcher.settings import load

if TYPE_CHECKING:
    from gateway.key_file import KeyFile

keys = typer.Typer(help="API keys: make, list, revoke.", no_args_is_help=True)

_NOT_FOUND = 1


class Scopes(StrEnum):
    """What a key may be for."""

    query = "query"
    ingest = "ingest"
    privacy = "privacy"
    admin = "admin"


@keys.command()
def create(
    name: Annotated[str, typer.Argument(help="Who will use it, such as crm-sync.")],
    scope: Annotated[list[Scopes], typer.Option(help="What it may do; repeatable.")],
    namespace: Annotated[
        list[str] | None,
        typer.Option(help="Only identities of this namespace; repeatable. Without it: all."),
    ] = None,
) -> None:
    """Make a key and print it: it is shown this once, and kept as a hash only."""
    from gateway.keys import new_key

    try:
        key, text = new_key(
            name, [one.value for one in scope], namespace or (), round(time.time() * 1000)
        )
    except ValueError as error:
        raise LauncherError(str(error)) from None
    file = _file()
    file.add(key)
    say(f"key {key.id} ({', '.join(sorted(key.scopes))}) is kept in {file.path}; it reads")
    plain(text)


@keys.command("list")
def list_keys(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Show all keys, by what they may do."""
    for key in _file().ring().keys:
        created = datetime.fromtimestamp(key.created / 1000, UTC)
        if as_json:
            print_json(
                {
                    "id": key.id, "name": key.name, "scopes": sorted(key.scopes),
                    "namespaces": sorted(key.namespaces), "created": f"{created:%FT%TZ}",
                }
            )  # fmt: skip
            continue
        only = f", only {' '.join(sorted(key.namespaces))}" if key.namespaces else ""
        plain(f"{key.id}  {created:%F}  {' '.join(sorted(key.scopes))}{only}  {key.name}")


@keys.command()
def revoke(id: Annotated[str, typer.Argument(metavar="ID", help="As `list` shows it.")]) -> None:
    """Let a key work no longer; running gateways know it within a second."""
    if not _file().remove(id):
        report(f"there is no key {id}")
        raise typer.Exit(_NOT_FOUND)
    say(f"key {id} is revoked")


def _file() -> KeyFile:
    from gateway.key_file import KeyFile

    return KeyFile(key_path(load()))
