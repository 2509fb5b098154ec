"""Where event time stands in the partitions of people."""

from __future__ import annotations

from collections.abc import Sequence

from afflux.names import Identity
from afflux.position import NONE_MS, Position, PositionError
from afflux.shards import murmur2, shard_of
from profile_store.commands import Command
from profile_store.errors import StoreMisconfigured
from profile_store.keys import Keys
from profile_store.link import Link
from profile_store.replies import checked

EVENTS_TOPIC = 0
"""Of the topics of a position the one whose W counts."""


async def event_times(link: Link, keys: Keys, people: Sequence[Identity]) -> tuple[int, ...]:
    """W in the shard of each, `NONE_MS` before the first event; one round trip."""
    shards = shard_of(murmur2(people), keys.shards).tolist()
    asked = list(dict.fromkeys(shards))
    commands = [Command(keys.slot(s), ("GET", keys.position(s))) for s in asked]
    replies = checked(await link.run(commands), link.name)
    w = {s: watermark_of(data) for s, data in zip(asked, replies, strict=True)}
    return tuple(w[s] for s in shards)


def watermark_of(position: bytes | None) -> int:
    """W of a stored position, ms. Raises StoreMisconfigured.

    >>> watermark_of(None) == NONE_MS
    True
    """
    if not position:
        return NONE_MS
    try:
        topics = Position.decode(position).topics
    except PositionError as error:
        raise StoreMisconfigured(str(error)) from None
    return topics[EVENTS_TOPIC].watermark.value if topics else NONE_MS
