"""`afflux datasets`: what feeds profiles; declared here, counted by the workers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from afflux.datasets import PLAIN_PRECEDENCE, Declaration
from afflux.limits import DAY_MS, HOUR_MS
from afflux.names import Dataset
from launcher.compose import redis_options, stream_settings
from launcher.connect import connected, with_redis
from launcher.console import plain, print_json, say
from launcher.dataset_views import describe_lines, list_table
from launcher.errors import LauncherError

if TYPE_CHECKING:
    from launcher.dataset_desk import DatasetDesk
    from launcher.settings import Settings
    from streams.ports import TP, LogRange

datasets = typer.Typer(
    help="Data sets: what feeds profiles, with schema, precedence, time to live and a switch.",
    no_args_is_help=True,
)

T = TypeVar("T")


class KindOfDataset(StrEnum):
    """What its records are."""

    record = "record"
    patches = "patches"


Name = Annotated[str, typer.Argument(metavar="NAME", help="Of the data set.")]
Json = Annotated[bool, typer.Option("--json", help="JSON, one object a line.")]


@datasets.command("list")
def list_datasets(as_json: Json = False) -> None:
    """All data sets: kind, topic, switch, precedence, time to live, and what was counted."""
    settings = with_redis()
    found = _run(settings, lambda desk: _described(desk, settings))
    if as_json:
        for one in found:
            print_json(one)
        return
    from launcher.console import out

    out().print(list_table(found))


@datasets.command()
def describe(name: Name, as_json: Json = False) -> None:
    """One data set: schema and fields, records accepted, rejected and set aside, freshness.

    The counts are exact as of the positions of the shards: they are committed with the rows.
    """
    settings = with_redis()

    async def work(desk: DatasetDesk) -> dict[str, Any]:
        (await desk.current()).one(name)
        return next(one for one in await _described(desk, settings) if one["name"] == name)

    one = _run(settings, work)
    if as_json:
        print_json(one)
        return
    for line in describe_lines(one):
        plain(line)


@datasets.command()
def create(
    name: Name,
    kind: Annotated[KindOfDataset, typer.Option(help="What its records are.")] = (
        KindOfDataset.record
    ),
    of: Annotated[
        str,
        typer.Option(metavar="DATASET", help="Of patches: the record data set that they change."),
    ] = "",
    topic: Annotated[str, typer.Option(help="Its topic; without it that of the same name.")] = "",
    field: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=TYPE",
            help="An attribute and its type (string, double, long, boolean); repeatable. With any, "
            "records with others are rejected; without, all attributes are taken.",
        ),
    ] = None,
    precedence: Annotated[
        int, typer.Option(help="The greater one wins where a merge policy goes by precedence.")
    ] = PLAIN_PRECEDENCE,
    ttl: Annotated[
        str, typer.Option(help="Age after which values leave profiles, such as 90d or 12h.")
    ] = "",
    disabled: Annotated[
        bool, typer.Option("--disabled", help="Do not fold its records into profiles yet.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a data set in one step: topic, dead-letter topic, schema, precedence, time to live.

    Running workers read it from the next seconds on. Run again, it changes nothing, or adds
    fields: fields are never removed or given another type.
    """
    settings = connected()
    from launcher.dataset_desk import as_dict, made, now_ms
    from streams.admin import Admin

    wanted = Declaration(
        Dataset(name), kind.value, topic or name, 0, not disabled, precedence,
        _milliseconds(ttl), _fields(field or ()), now_ms(), of,
    )  # fmt: skip

    async def work(desk: DatasetDesk) -> tuple[Declaration, list[str], bool]:
        allowed = (await desk.current()).created(wanted).one(name)
        admin = Admin(stream_settings(settings), settings.kafka.timeout_s)
        topics = await asyncio.to_thread(
            made, admin, allowed, settings.partitions, settings.kafka.replication
        )
        after, changed = await desk.change(lambda found: found.created(wanted))
        return after.one(name), topics, changed

    one, topics, changed = _run(settings, work)
    if as_json:
        print_json({**as_dict(one), "created_topics": topics, "changed": changed})
        return
    for each in topics:
        plain(f"created {each}")
    plain(f"data set {name} is {'declared' if changed else 'there already, as it was declared'}")


@datasets.command()
def enable(name: Name, as_json: Json = False) -> None:
    """Fold its records into profiles, from those on that come now."""
    _switch(name, enabled=True, as_json=as_json)


@datasets.command()
def disable(name: Name, as_json: Json = False) -> None:
    """Fold none of its records any more; what was folded stays in profiles.

    Records that come stay in the topic, are passed, and counted as set_aside. Deletes of people
    and other control records are folded all the same.
    """
    _switch(name, enabled=False, as_json=as_json)


@datasets.command()
def delete(name: Name, as_json: Json = False) -> None:
    """Remove a disabled data set with all that it gave to profiles. Its topic stays in Kafka."""
    settings = with_redis()
    from launcher.dataset_desk import now_ms

    async def work(desk: DatasetDesk) -> tuple[Declaration, int]:
        one = (await desk.current()).one(name)
        await desk.change(lambda found: found.deleted(name, now_ms()))
        return one, await desk.forget(one)

    one, rows = _run(settings, work)
    if as_json:
        print_json({"name": name, "deleted_rows": rows, "topic": one.topic})
        return
    plain(f"data set {name} is deleted, with {rows:,} rows")
    say(f"the topics {one.topic} and {one.topic}.dlq are still in Kafka")


def _switch(name: str, *, enabled: bool, as_json: bool) -> None:
    settings = with_redis()
    from launcher.dataset_desk import as_dict, now_ms

    after, changed = _run(
        settings,
        lambda desk: desk.change(lambda found: found.switched(name, enabled, now_ms())),
    )
    word = "enabled" if enabled else "disabled"
    if as_json:
        print_json({**as_dict(after.one(name)), "changed": changed})
    else:
        plain(f"data set {name} {'is now' if changed else 'was already'} {word}")


async def _described(desk: DatasetDesk, settings: Settings) -> list[dict[str, Any]]:
    from launcher.dataset_desk import as_dict, counted, in_kafka

    current, positions = await desk.current(), await desk.positions()
    logs = await asyncio.to_thread(_logs, settings, [o.topic for o in current.by_number])
    return [
        {**as_dict(one), **counted(one, positions), **in_kafka(one, positions, logs)}
        for one in current.by_number
    ]


def _logs(settings: Settings, topics: list[str]) -> Mapping[TP, LogRange]:
    """None where Kafka is away: what was counted is in Redis."""
    from streams.admin import Admin
    from streams.errors import BrokerUnavailable

    if not settings.kafka.bootstrap:
        return {}
    try:
        return Admin(stream_settings(settings), settings.kafka.timeout_s).log_ranges(topics)
    except BrokerUnavailable as error:
        say(f"without figures of Kafka: {error}")
        return {}


def _run(settings: Settings, work: Callable[[DatasetDesk], Awaitable[T]]) -> T:
    async def with_desk() -> T:
        from launcher.dataset_desk import DatasetDesk

        async with DatasetDesk(redis_options(settings)) as desk:
            return await work(desk)

    return asyncio.run(with_desk())


def _fields(given: list[str] | tuple[()]) -> dict[str, str]:
    pairs = [text.rpartition("=") for text in given]
    for name, _, kind in pairs:
        if not name or not kind:
            raise LauncherError(
                f"{name or kind!r} is no NAME=TYPE", hint="such as --field tier=string"
            )
    return {name: kind for name, _, kind in pairs}


def _milliseconds(text: str) -> int:
    """Of a time to live. Raises LauncherError."""
    if not text:
        return 0
    found = re.fullmatch(r"(\d{1,5})([dh])", text)
    if found is None or not int(found[1]):
        raise LauncherError(f"{text!r} is no time to live", hint="such as 365d or 12h")
    return int(found[1]) * (DAY_MS if found[2] == "d" else HOUR_MS)
