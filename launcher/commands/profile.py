"""`afflux profile`: read one profile out of Redis, who is like it, and what happened."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, cast

import typer

from launcher.compose import redis_options
from launcher.connect import with_redis
from launcher.console import out, plain, print_json, report
from launcher.errors import LauncherError

if TYPE_CHECKING:
    from profile_store.profile import Profile
    from profile_store.similar import By, Similar
    from profile_store.timelines import TimelinePage

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
    fresh: Annotated[
        bool,
        typer.Option(
            "--fresh",
            help="Features and scores of now instead of the last event, by the newest models. Now "
            "is where event time stands in the log, unless --at says something else.",
        ),
    ] = False,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Features, and fresh scores, as of this time: ISO 8601 (UTC if no zone is given), "
            "or `now` for the clock.",
        ),
    ] = None,
    policy: Annotated[
        str | None,
        typer.Option("--policy", metavar="NAME", help="Merge policy: see `afflux policies list`."),
    ] = None,
) -> None:
    """Show the live profile of a person: attributes, facts, interests, scores and their reasons.

    Exit code 1 where nothing is known of this identity.
    """
    names = [name.strip() for name in fields.split(",") if name.strip()] if fields else None
    found = _read(namespace, id, names, fresh, None if at is None else _moment(at), policy)
    if found is None:
        report(f"nothing is known of {namespace}:{id}")
        raise typer.Exit(NOT_FOUND)
    if as_json or names is not None:
        plain(found.to_json())
        return
    from launcher.commands.clusters import words_of
    from launcher.profile_view import panel

    out().print(panel(found, words_of(found.cluster)))


@profile.command()
def recommend(
    namespace: Annotated[str, typer.Argument(help="Such as email, ECID or household.")],
    id: Annotated[str, typer.Argument(metavar="ID", help="The identifier in that namespace.")],
    count: Annotated[int, typer.Option(min=1, max=50, help="Items of a list, at most.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on one line.")] = False,
) -> None:
    """Categories and products that a person may want next, ranked now, the best first.

    Of somebody who is not known it is what is popular.
    """
    from models.envelope import SnapshotError
    from models.recommending import RECOMMENDING
    from profile_store import ProfileStore

    where = redis_options(with_redis())
    with ProfileStore(where, recommending=RECOMMENDING) as store:
        try:
            found = store.recommend(namespace, id, count)
        except (ValueError, SnapshotError) as error:
            raise LauncherError(str(error)) from None
    if as_json:
        print_json(found.to_dict())
        return
    from launcher.profile_view import lists_table

    if not found.known:
        plain("nothing is known of what they like: this is what is popular")
    out().print(lists_table(found))


@profile.command()
def similar(
    namespace: Annotated[str, typer.Argument(help="Such as email, ECID or household.")],
    id: Annotated[str, typer.Argument(metavar="ID", help="The identifier in that namespace.")],
    by: Annotated[
        str | None,
        typer.Option(
            help="interests, or cluster: people of the same cluster by their habits. "
            "Without it interests where there are any."
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="At most so many people.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on one line.")] = False,
) -> None:
    """Show who is most like a person, among a sample of 2,000 identities.

    Deleted people and those who may not be scored are never shown. Exit code 1 where nothing is
    known of this identity.
    """
    if by not in (None, "interests", "cluster"):
        raise LauncherError(f"--by is interests or cluster, not {by!r}")
    found = _similar(namespace, id, limit, by)
    if found is None:
        report(f"nothing is known of {namespace}:{id}")
        raise typer.Exit(NOT_FOUND)
    if as_json:
        print_json(found.to_dict())
        return
    from launcher.similar_view import lines, table

    for line in lines(found):
        out().print(line)
    if found.people:
        out().print(table(found))


@profile.command()
def timeline(
    namespace: Annotated[str, typer.Argument(help="Such as email, ECID or household.")],
    id: Annotated[str, typer.Argument(metavar="ID", help="The identifier in that namespace.")],
    since: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="Events from this time on.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="Events before this time.")
    ] = None,
    types: Annotated[
        list[str] | None,
        typer.Option("--type", help="Only of this type, such as commerce.purchases; repeatable."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many events.")] = 100,
    cursor: Annotated[
        str | None, typer.Option(help="Go on where a page ended: its `next`.")
    ] = None,
    newest_first: Annotated[bool, typer.Option("--newest-first", help="The other order.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on one line.")] = False,
) -> None:
    """Show the last events of a person, of all their identities, by event time.

    Workers keep as many as AFFLUX_TIMELINE_EVENTS says. Times are ISO 8601, UTC if no zone is
    given, or `now`. Exit code 1 where nothing is known of this identity.
    """
    first, end = (None if text is None else _moment(text) for text in (since, until))
    found = _timeline(namespace, id, first, end, types or [], limit, cursor, newest_first)
    if found is None:
        report(f"nothing is known of {namespace}:{id}")
        raise typer.Exit(NOT_FOUND)
    if as_json:
        print_json(found.to_dict())
        return
    from launcher.timeline_view import table

    if not found.events:
        plain("no event is kept of this time and type")
        return
    out().print(table(found))
    if found.next:
        plain(f"more: --cursor {found.next}")


def _moment(text: str) -> int:
    """Milliseconds. Raises LauncherError for what is no time."""
    if text == "now":
        return time.time_ns() // 1_000_000
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise LauncherError(
            f"{text!r} is no time", hint="such as 2018-01-31T12:00:00Z, 2018-01-31, or now"
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def _read(
    namespace: str,
    id: str,
    names: list[str] | None,
    fresh: bool,
    at: int | None,
    policy: str | None,
) -> Profile | None:
    from models.scoring import scorer_of
    from profile_store import ProfileStore

    with ProfileStore(redis_options(with_redis()), scorer_of) as store:
        try:
            return store.get(namespace, id, names, policy, at, fresh)
        except ValueError as error:
            raise LauncherError(str(error)) from None


def _similar(namespace: str, id: str, limit: int, by: str | None) -> Similar | None:
    from profile_store import ProfileStore

    with ProfileStore(redis_options(with_redis())) as store:
        try:
            return store.similar(namespace, id, limit, cast("By | None", by))
        except ValueError as error:
            raise LauncherError(str(error)) from None


def _timeline(
    namespace: str,
    id: str,
    since: int | None,
    until: int | None,
    types: list[str],
    limit: int,
    cursor: str | None,
    newest_first: bool,
) -> TimelinePage | None:
    from profile_store import ProfileStore

    with ProfileStore(redis_options(with_redis())) as store:
        try:
            return store.timeline(namespace, id, since, until, types, limit, cursor, newest_first)
        except ValueError as error:
            raise LauncherError(str(error)) from None
