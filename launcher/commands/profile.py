"""`afflux profile get`: read one profile out of Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from launcher.compose import redis_options
from launcher.connect import with_redis
from launcher.console import out, plain, report
from launcher.errors import LauncherError

if TYPE_CHECKING:
    from profile_store.profile import Profile

profile = typer.Typer(help="Read profiles.", no_args_is_help=True)

NOT_FOUND = 1


@profile.command()
def get(
    namespace: Annotated[str, typer.Argument(help="Such as email, ECID or household.")],
    id: Annotated[str, typer.Argument(metavar="ID", help="The identifier in that namespace.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on one line.")] = False,
    fields: Annotated[
        str | None,
        typer.Option(help="Comma-separated, such as scores.churn,attributes. Implies --json."),
    ] = None,
) -> None:
    """Show the live profile of a person: attributes, facts, scores and the reasons for them.

    Exit code 1 where nothing is known of this identity.
    """
    names = [name.strip() for name in fields.split(",") if name.strip()] if fields else None
    found = _read(namespace, id, names)
    if found is None:
        report(f"nothing is known of {namespace}:{id}")
        raise typer.Exit(NOT_FOUND)
    if as_json or names is not None:
        plain(found.to_json())
        return
    from launcher.commands.clusters import words_of
    from launcher.profile_view import panel

    out().print(panel(found, words_of(found.cluster)))


def _read(namespace: str, id: str, names: list[str] | None) -> Profile | None:
    from profile_store import ProfileStore

    with ProfileStore(redis_options(with_redis())) as store:
        try:
            return store.get(namespace, id, names)
        except ValueError as error:
            raise LauncherError(str(error)) from None
