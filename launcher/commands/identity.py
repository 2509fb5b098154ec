"""`afflux identity`: who belongs together, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from launcher.commands.privacy import NOT_FOUND, Id, Json, Namespace
from launcher.console import out, plain, print_json, report
from launcher.desk import at_the_desk, with_profiles
from launcher.errors import LauncherError

if TYPE_CHECKING:
    from profile_store import AsyncProfileStore
    from streams.privacy.desk import PrivacyDesk

identity = typer.Typer(help="Explain, link and unlink identities.", no_args_is_help=True)

OtherNamespace = Annotated[str, typer.Argument(metavar="NAMESPACE2")]
OtherId = Annotated[str, typer.Argument(metavar="ID2")]


@identity.command()
def show(namespace: Namespace, id: Id, as_json: Json = False) -> None:
    """Show every link of a person: when, by which event; who is left out and why.

    For a person who is too large also the bridge, whose removal would split it. Exit code 1
    where no link is known.
    """

    async def ask(store: AsyncProfileStore) -> dict[str, Any]:
        return await store.identities(namespace, id)

    found = with_profiles(ask)
    if as_json:
        print_json(found)
    elif found["links"]:
        from launcher.identity_view import lines, links_table

        out().print(links_table(found))
        for line in lines(found):
            plain(line)
    if not found["links"]:
        report(f"no link of {namespace}:{id} is known")
        raise typer.Exit(NOT_FOUND)


@identity.command()
def link(namespace: Namespace, id: Id, namespace2: OtherNamespace, id2: OtherId) -> None:
    """Say that two identities belong to one person."""
    _tell(namespace, id, namespace2, id2, together=True)
    plain(f"{namespace}:{id} and {namespace2}:{id2} are told that they belong together")


@identity.command()
def unlink(namespace: Namespace, id: Id, namespace2: OtherNamespace, id2: OtherId) -> None:
    """Say that two identities do not belong together, until a later event says that they do."""
    _tell(namespace, id, namespace2, id2, together=False)
    plain(f"{namespace}:{id} and {namespace2}:{id2} are told that they do not belong together")


def _tell(namespace: str, id: str, namespace2: str, id2: str, *, together: bool) -> None:
    async def ask(desk: PrivacyDesk) -> None:
        from profile_store.reader import identity_of

        one, other = identity_of(namespace, id), identity_of(namespace2, id2)
        if one == other:
            raise LauncherError("an identity has no link to itself")
        await desk.link(one, other, together=together)

    at_the_desk(ask)
