"""`afflux consent`: whether a person may be scored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from launcher.commands.privacy import PENDING, Id, Json, Namespace, Wait
from launcher.console import plain, print_json, report
from launcher.desk import at_the_desk
from launcher.errors import LauncherError
from launcher.waiting import until_done

if TYPE_CHECKING:
    from streams.privacy.desk import PrivacyDesk

consent = typer.Typer(help="Keep what people said of being scored.", no_args_is_help=True)

_PURPOSES = ("scoring",)


@consent.callback()
def _group() -> None:
    """Keep what people said of being scored."""


@consent.command("set")
def set_consent(
    namespace: Namespace,
    id: Id,
    opt_out: Annotated[
        str, typer.Option("--opt-out", metavar="PURPOSE", help="May not be used for: scoring.")
    ] = "",
    opt_in: Annotated[
        str, typer.Option("--opt-in", metavar="PURPOSE", help="May be used for: scoring.")
    ] = "",
    as_json: Json = False,
    wait: Wait = 60.0,
) -> None:
    """Say for a person, with all identities, whether they may be scored.

    Without consent all scores and open examples go at once, and the profile says so; with it the
    next event is scored again. Events are folded in both cases. Exit code 1 where it was not done
    within --wait.
    """
    purpose = opt_out or opt_in
    if bool(opt_out) == bool(opt_in) or purpose not in _PURPOSES:
        raise LauncherError(
            "one of --opt-out and --opt-in is needed, with what it is about",
            hint="such as --opt-out scoring",
        )

    async def ask(desk: PrivacyDesk) -> dict[str, Any]:
        receipt, _ = await desk.consent(namespace, id, scoring=bool(opt_in))
        return await until_done(lambda: desk.receipt(receipt), wait)

    state = at_the_desk(ask)["state"]
    said = {"identity": f"{namespace}:{id}", "scoring": bool(opt_in), "state": state}
    if as_json:
        print_json(said)
    elif state == "done":
        plain(f"{namespace}:{id} {'may be scored' if opt_in else 'is no longer scored'}")
    if state != "done":
        report(f"the request is in Kafka, but was not folded within {wait:g} s")
        raise typer.Exit(PENDING)
