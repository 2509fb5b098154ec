"""`afflux privacy`: what is kept of a person, and that it goes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from launcher.console import out, plain, print_json, report, say
from launcher.desk import at_the_desk
from launcher.waiting import until_done

if TYPE_CHECKING:
    from streams.privacy.desk import PrivacyDesk

privacy = typer.Typer(help="See all that is kept of a person; forget a person.")

NOT_FOUND, PENDING = 1, 1

Namespace = Annotated[str, typer.Argument(help="Such as email, ECID or household.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="The identifier in that namespace.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on one line.")]
Wait = Annotated[
    float, typer.Option("--wait", min=0, help="Seconds to wait until it is done; 0: do not.")
]


@privacy.command()
def export(
    namespace: Namespace,
    id: Id,
    out_file: Annotated[
        Path | None, typer.Option("--out", help="Write it to this file, readable by you only.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Print everything that is kept of a person, of all identities, found by any one of them.

    Features, attributes, scores with factors, links, open examples, every stored row, and the
    topics that have records of them. Exit code 1 where nothing is known.
    """

    async def ask(desk: PrivacyDesk) -> dict[str, Any] | None:
        return await desk.export(namespace, id)

    found = at_the_desk(ask)
    if found is None:
        report(f"nothing is known of {namespace}:{id}")
        raise typer.Exit(NOT_FOUND)
    text = json.dumps(found, ensure_ascii=False, indent=None if as_json else 2)
    if out_file is None:
        plain(text)
        return
    out_file.touch(mode=0o600)
    out_file.write_text(f"{text}\n")
    say(f"written to {out_file}")


@privacy.command()
def delete(namespace: Namespace, id: Id, as_json: Json = False, wait: Wait = 60.0) -> None:
    """Forget a person, with all identities that are linked now, and print the receipt.

    A worker folds the request. What is read again from before it (late events, replays, dead
    letters) is not folded. Exit code 1 where it was not done within --wait.
    """

    async def ask(desk: PrivacyDesk) -> dict[str, Any]:
        receipt, _ = await desk.delete(namespace, id)
        say("the request is in Kafka")
        return await until_done(lambda: desk.receipt(receipt), wait)

    _show(at_the_desk(ask), as_json)


@privacy.command()
def receipt(
    receipt: Annotated[str, typer.Argument(metavar="RECEIPT", help="As `delete` printed it.")],
    as_json: Json = False,
) -> None:
    """Tell how far a delete is: what was done where, and by when Kafka has dropped everything."""

    async def ask(desk: PrivacyDesk) -> dict[str, Any]:
        return await desk.receipt(receipt)

    _show(at_the_desk(ask), as_json)


def _show(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(found)
    else:
        from launcher.receipt_view import tables

        plain(f"receipt   {found['receipt']}")
        plain(f"state     {found['state']}")
        for table in tables(found):
            plain("")
            out().print(table)
    if found["state"] != "done":
        raise typer.Exit(PENDING)
