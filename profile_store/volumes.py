"""Daily volumes as they are stored: a hash for each shard, "day:segment:e" events, ":u" money."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from afflux.limits import DAY_MS
from afflux.position import NONE_MS, Position
from afflux.volumes import Volume
from profile_store.commands import Command
from profile_store.errors import StoreMisconfigured
from profile_store.keys import Keys
from profile_store.link import Link
from profile_store.replies import checked


@dataclass(frozen=True, slots=True)
class DailyVolumes:
    """Of all shards together.

    sums: (day, segment) -> (events, money in `afflux.volumes.UNITS`). open_day: the first day that
    W has not passed in every partition that has events; None where there is no event at all.
    """

    sums: Mapping[tuple[int, int], tuple[int, int]]
    open_day: int | None


def increments(volumes: Sequence[Volume]) -> list[tuple[bytes, int]]:
    """Fields of the hash of a shard and what is added to them.

    >>> increments([Volume(17_000, 5, 2, 30_000), Volume(17_000, 1, 1, 0)])
    [(b'17000:5:e', 2), (b'17000:5:u', 30000), (b'17000:1:e', 1)]
    """
    fields = []
    for one in volumes:
        fields.append((b"%d:%d:e" % (one.day, one.segment), one.events))
        if one.units:
            fields.append((b"%d:%d:u" % (one.day, one.segment), one.units))
    return fields


async def daily_volumes(link: Link, keys: Keys, partitions: int, late_ms: int) -> DailyVolumes:
    """All days of all shards. late_ms: how long after its end a day stays open for late events."""
    commands = [Command(keys.slot(s), ("HGETALL", keys.volumes(s))) for s in range(keys.shards)]
    commands += [Command(keys.slot(s), ("GET", keys.position(s))) for s in range(keys.shards)]
    replies = checked(await link.run(commands), link.name)
    tables, positions = replies[: keys.shards], replies[keys.shards :]
    return DailyVolumes(_together(map(_pairs, tables)), open_day(positions, partitions, late_ms))


def open_day(positions: Sequence[bytes | None], partitions: int, late_ms: int) -> int | None:
    """The first day that is not over in every partition that has W; positions by shard."""
    reached: dict[int, int] = {}
    for shard, data in enumerate(positions):
        if data:
            topics = Position.decode(data).topics
            w = topics[0].watermark.value if topics else NONE_MS
            if w != NONE_MS:
                reached[shard % partitions] = max(w, reached.get(shard % partitions, w))
    return (min(reached.values()) - late_ms) // DAY_MS if reached else None


def _pairs(reply: object) -> Mapping[bytes, bytes]:
    if isinstance(reply, dict):
        return reply
    flat = list(reply) if isinstance(reply, (list, tuple)) else []
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _together(tables: Iterable[Mapping[bytes, bytes]]) -> dict[tuple[int, int], tuple[int, int]]:
    sums: dict[tuple[int, int], tuple[int, int]] = {}
    for table in tables:
        for field, value in table.items():
            try:
                day, segment, what = field.split(b":")
                where, n = (int(day), int(segment)), int(value)
            except ValueError:
                raise StoreMisconfigured(f"a count of a day is damaged: {field!r}") from None
            events, units = sums.get(where, (0, 0))
            sums[where] = (events + n, units) if what == b"e" else (events, units + n)
    return sums
