"""Data sets over the servers of the settings: what is declared, and what was counted of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from afflux.codes import REJECTED, Code
from afflux.datasets import Declaration
from afflux.limits import DAY_MS
from afflux.position import NONE_MS, Position
from launcher.errors import LauncherError
from profile_store import AsyncProfileStore
from profile_store.dataset_definitions import Datasets
from profile_store.dataset_store import DatasetShelf
from profile_store.errors import StoreMisconfigured
from profile_store.keys import Keys
from profile_store.link import connect
from profile_store.options import RedisOptions
from profile_store.standing import standings
from streams.ports import TP, LogRange

if TYPE_CHECKING:
    from streams.admin import Admin

COUNTS = ("accepted", "rejected", "set_aside")


class DatasetDesk:
    """Declares data sets. Use it as an async context manager."""

    def __init__(self, redis: RedisOptions) -> None:
        self._link = connect(redis)
        self._shelf = DatasetShelf(self._link)

    async def __aenter__(self) -> DatasetDesk:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._link.close()

    async def current(self) -> Datasets:
        """What is declared now."""
        return await self._shelf.current()

    async def change(self, changed: Callable[[Datasets], Datasets]) -> tuple[Datasets, bool]:
        """Declare what `changed` makes of the declarations; with whether it made a difference.

        Raises DatasetError, StoreError.
        """
        while True:
            found = await self._shelf.datasets()
            before = Datasets.decode(found)
            after = changed(before)
            if after == before:
                return after, False
            if await self._shelf.swap_datasets(found, after.encode()):
                return after, True

    async def forget(self, dataset: Declaration) -> int:
        """Delete the rows of a data set that is not declared any more; how many there were."""
        keys = await self._keys()
        return 0 if keys is None else await self._shelf.forget(keys, dataset.name)

    async def positions(self) -> dict[int, Position]:
        """Of all shards that have begun; none where no worker has run yet."""
        keys = await self._keys()
        if keys is None:
            return {}
        found = await standings(self._link, keys, range(keys.shards))
        return {s: Position.decode(one.position) for s, one in enumerate(found) if one.position}

    async def _keys(self) -> Keys | None:
        try:
            installation = await AsyncProfileStore(link=self._link).installation()
        except StoreMisconfigured:
            return None
        return Keys(installation.shards)


def as_dict(one: Declaration) -> dict[str, Any]:
    """A declaration as plain values."""
    return {
        "name": one.name,
        "kind": one.kind,
        "topic": one.topic,
        "schema": one.contract,
        "fields": dict(one.fields),
        "enabled": one.enabled,
        "precedence": one.precedence,
        "ttl_days": one.ttl_ms / DAY_MS if one.ttl_ms else None,
        "built_in": one.built_in,
        "of": one.of or None,
    }


def counted(one: Declaration, positions: Mapping[int, Position]) -> dict[str, Any]:
    """What workers have counted of a data set, exactly as of their positions.

    newest: event time of the newest record, ms; None before the first. Of events the counters are
    what is beyond those of all other data sets, and `newest` is W.
    """
    sums = [0, 0, 0]
    newest = NONE_MS
    for position in positions.values():
        at = position.at(one.number)
        if at is None:
            continue
        newest = max(newest, at.watermark.value)
        counts = at.counts
        if one.number == 0:
            others = [topic.counts for topic in position.topics[1:]]
            total = position.counters
            counts = (
                total[Code.accepted] - sum(c[0] for c in others),
                sum(total[code] for code in REJECTED) - sum(c[1] for c in others),
                total[Code.set_aside] - sum(c[2] for c in others),
            )
        sums = [a + b for a, b in zip(sums, counts, strict=True)]
    return {
        **dict(zip(COUNTS, sums, strict=True)),
        "newest": None if newest == NONE_MS else newest,
    }


def in_kafka(
    one: Declaration, positions: Mapping[int, Position], logs: Mapping[TP, LogRange]
) -> dict[str, Any]:
    """records: between start and end of its log. behind: those that are not folded yet.

    Both are None where Kafka does not answer or has no such topic.
    """
    mine = {tp: log for tp, log in logs.items() if tp[0] == one.topic}
    if not mine:
        return {"records": None, "behind": None}
    lag = dict.fromkeys(mine, 0) if positions else {tp: r.end - r.start for tp, r in mine.items()}
    for shard, position in positions.items():
        at, tp = position.at(one.number), (one.topic, shard % len(mine))
        offset = mine[tp].start if at is None else at.offset
        lag[tp] = max(lag[tp], mine[tp].end - offset)
    return {
        "records": sum(log.end - log.start for log in mine.values()),
        "behind": sum(lag.values()),
    }


def made(admin: Admin, one: Declaration, partitions: int, replicas: int) -> list[str]:
    """Its topics, where they are missing; their names. Raises LauncherError, BrokerUnavailable."""
    from streams.dataset_topics import of_dataset

    names = admin.create(partitions, of_dataset(one), replicas=replicas)
    found = admin.describe([one.topic])[one.topic]
    if found.partitions != partitions:
        raise LauncherError(
            f"the topic {one.topic} is there with {found.partitions} partitions, not {partitions}",
            hint="topics that feed profiles have as many partitions as experience-events: name "
            "another one by --topic",
        )
    return names


def now_ms() -> int:
    """The clock."""
    return time.time_ns() // 1_000_000
