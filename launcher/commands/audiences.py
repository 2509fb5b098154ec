"""`afflux audiences`: rules over profiles, saved, tried, and who they hold for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from afflux.audiences.refusal import RuleError
from launcher.compose import redis_options
from launcher.connect import with_redis
from launcher.console import err, plain, print_json, report, say
from launcher.errors import LauncherError

if TYPE_CHECKING:
    from gateway.audience_desk import AudienceDesk

audiences = typer.Typer(
    help="Audiences: rules over profiles, saved, tried, and who is in them.", no_args_is_help=True
)

NOT_FOUND = 1

T = TypeVar("T")

Name = Annotated[str, typer.Argument(metavar="NAME", help="Of the audience.")]
Json = Annotated[bool, typer.Option("--json", help="JSON, one object a line.")]
RuleText = Annotated[str | None, typer.Option("--rule", help="The rule, in CEL.")]
RuleFile = Annotated[
    Path | None, typer.Option("--file", exists=True, dir_okay=False, help="A file with the rule.")
]
Attributes = Annotated[
    list[str] | None,
    typer.Option(
        "--attribute",
        metavar="NAME=TYPE",
        help="Type of an attribute that the rule names: bool, int, double or string; repeatable.",
    ),
]


@audiences.command()
def save(
    name: Name,
    rule: RuleText = None,
    file: RuleFile = None,
    attribute: Attributes = None,
    as_json: Json = False,
) -> None:
    """Save a rule, new or changed; running workers ask it from the next second on.

    Everybody who is known already is asked in the background: `afflux audiences show` has how far
    that is. A rule outside of what is possible is refused, with the place of it.
    """
    text, types = _rule(rule, file), _types(attribute or ())
    now = round(time.time() * 1000)
    saved = _run(lambda desk: desk.save(name, text, types, now), text)
    if as_json:
        print_json({"name": name, "rule": text, "version": saved.version})
    else:
        say(f"audience {name} is saved, version {saved.version} of the audiences")


@audiences.command()
def delete(name: Name, as_json: Json = False) -> None:
    """Delete an audience; its members leave it in the background."""
    left = _run(lambda desk: desk.delete(name))
    if as_json:
        print_json({"name": name, "version": left.version})
    else:
        say(f"audience {name} is deleted, version {left.version} of the audiences")


@audiences.command("list")
def list_audiences(as_json: Json = False) -> None:
    """All audiences with the number of their members: identities that are in now."""
    found = _run(lambda desk: desk.all())
    for one in found["audiences"]:
        if as_json:
            print_json(one)
        else:
            plain(f"{one['name']:<24} {one['members']:>10,}  {' '.join(one['rule'].split())}")


@audiences.command()
def show(name: Name, as_json: Json = False) -> None:
    """One audience: its rule, members, and how far it was asked of those who were known before."""
    one = _found(name, _run(lambda desk: desk.one(name)))
    if as_json:
        print_json(one)
        return
    saved = datetime.fromtimestamp(one["saved_at"] / 1000, UTC)
    fill = one["back_fill"]
    plain(f"{name}, saved {saved:%F %T} UTC")
    plain(f"  {one['rule']}")
    plain(f"  {one['members']:,} members")
    if fill["shards_done"] == fill["shards"]:
        plain(f"  asked of everybody: {fill['asked']:,} identities")
    else:
        plain(
            f"  back-fill: {fill['asked']:,} identities asked, {fill['shards_done']} of "
            f"{fill['shards']} shards done"
        )


@audiences.command()
def preview(
    rule: RuleText = None,
    file: RuleFile = None,
    attribute: Attributes = None,
    people: Annotated[
        int, typer.Option(min=0, help="Ask so many identities at most; 0: everybody.")
    ] = 10_000,
    as_json: Json = False,
) -> None:
    """What a rule would do with people as they are now; nothing is saved."""
    text, types = _rule(rule, file), _types(attribute or ())
    found = _run(lambda desk: desk.preview(text, types, people or _EVERYBODY), text)
    if as_json:
        print_json(found)
        return
    plain(f"{found['inside']:,} of {found['asked']:,} are inside ({100 * found['share']:.1f} %)")
    if found["undecided"]:
        plain(f"{found['undecided']:,} lack something that the rule needs, and are not inside")
    if found["timed"]:
        plain(f"{found['timed']:,} may come or go with time alone")
    for identity in found["examples"]:
        plain(f"  {identity}")


@audiences.command()
def members(
    name: Name,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 100,
    cursor: Annotated[str | None, typer.Option(help="Where the last page ended.")] = None,
    as_json: Json = False,
) -> None:
    """Who is in an audience, in a fixed order, a page at a time."""
    page = _found(name, _run(lambda desk: desk.members(name, limit, cursor)))
    people = [identity.decode("utf-8", "backslashreplace") for identity in page.members]
    if as_json:
        print_json({"members": people, "next": page.next})
        return
    for identity in people:
        plain(identity)
    if page.next is not None:
        say(f"more: --cursor {page.next}")


@audiences.command()
def count(name: Name, as_json: Json = False) -> None:
    """How many identities are in an audience."""
    one = _found(name, _run(lambda desk: desk.one(name)))
    if as_json:
        print_json({"name": name, "members": one["members"]})
    else:
        plain(str(one["members"]))


@audiences.command()
def overlap(
    name: Name,
    other: Annotated[str, typer.Argument(metavar="OTHER", help="Another audience.")],
    as_json: Json = False,
) -> None:
    """How many identities are in both of two audiences."""
    both = _run(lambda desk: desk.overlap(name, other))
    if both is None:
        report(f"there is no audience {name}, or none {other}")
        raise typer.Exit(NOT_FOUND)
    if as_json:
        print_json({"audiences": [name, other], "members": both})
    else:
        plain(str(both))


def _rule(rule: str | None, file: Path | None) -> str:
    if (rule is None) == (file is None):
        raise LauncherError("a rule is needed, once", hint="--rule 'TEXT', or --file FILE")
    return rule if rule is not None else file.read_text("utf-8").strip()  # type: ignore[union-attr]


def _types(attributes: Sequence[str]) -> dict[str, str]:
    pairs = [text.rpartition("=") for text in attributes]
    for name, _, kind in pairs:
        if not name or not kind:
            raise LauncherError(
                f"{name or kind!r} is no NAME=TYPE", hint="such as --attribute tier=string"
            )
    return {name: kind for name, _, kind in pairs}


def _found(name: str, one: T | None) -> T:
    if one is None:
        report(f"there is no audience {name}", "`afflux audiences list` shows all")
        raise typer.Exit(NOT_FOUND)
    return one


def _run(work: Callable[[AudienceDesk], Awaitable[T]], text: str = "") -> T:
    try:
        return asyncio.run(_with_desk(work))
    except RuleError as error:
        _point_at(text, error)
        hint = ""
        if "`attributes` has no" in error.reason:
            hint = "say of what type it is: --attribute NAME=string (or bool, int, double)"
        raise LauncherError(str(error), hint=hint) from None


def _point_at(text: str, error: RuleError) -> None:
    """The line that is refused, and the place in it."""
    lines = text.split("\n")
    if error.place.line <= len(lines) and text:
        err().out(f"  {lines[error.place.line - 1]}", highlight=False)
        err().out("  " + " " * (error.place.column - 1) + "^", highlight=False)


async def _with_desk(work: Callable[[AudienceDesk], Awaitable[T]]) -> T:
    from gateway.audience_desk import AudienceDesk
    from profile_store import AsyncProfileStore

    async with AsyncProfileStore(redis_options(with_redis())) as store:
        return await work(AudienceDesk(store))


_EVERYBODY = 2**62
