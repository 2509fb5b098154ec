"""Taking over a partition from its last owner, and going back to what the store says of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from afflux.catalog import Catalog
from profile_store.contract import Commit, ShardStore
from streams.enrich.feeds import Feeds
from streams.enrich.last_word import LastWord
from streams.enrich.outbox import Outbox
from streams.enrich.partition import Head, OwnedPartition
from streams.enrich.positions import check_log, decode_positions
from streams.ports import TP, LogRange, StopPartition

_TRIES = 5


class Reclaimed(StopPartition):
    """Another owner keeps writing to the shards of a partition that was assigned to us."""

    def __init__(self, number: int) -> None:
        super().__init__(
            f"partition {number}: another worker keeps writing to its shards although it is "
            "assigned to this one. Is a worker of another consumer group using the same store?"
        )


def seeks(part: OwnedPartition, feeds: Feeds) -> dict[TP, int]:
    """Where every topic of the partition goes on."""
    return {(one.topic, part.number): part.heads[one.number].offset for one in feeds.read}


class TakeOver:
    """Reads positions and outboxes of partitions; `logs` is what the broker said of them."""

    def __init__(
        self,
        store: ShardStore,
        feeds: Feeds,
        catalog: Catalog,
        last_word: LastWord,
        nonce: bytes,
        monotonic: Callable[[], float],
        wall_ms: Callable[[], int],
    ) -> None:
        self._store = store
        self._feeds = feeds
        self._layout = catalog.layout
        self._last_word = last_word
        self._nonce = nonce
        self._monotonic = monotonic
        self._wall_ms = wall_ms

    async def take(self, part: OwnedPartition, logs: Mapping[TP, LogRange]) -> None:
        """Fence the shards off their last owner, then announce what it left.

        Raises StoreUnavailable, StopPartition.
        """
        for _ in range(_TRIES):
            await self._load(part, logs, taking_over=True)
            boxes = await self._store.outboxes(part.shards)
            fences = []
            for shard, box in zip(part.shards, boxes, strict=True):
                target = part.positions[shard].next(self._nonce)
                fences.append(Commit(shard, part.fence(shard), target.encode(), box))
            results = await self._store.commit(fences)
            if all(r.landed for r in results):
                for shard in part.shards:
                    part.positions[shard] = part.positions[shard].next(self._nonce)
                await self._announce(part, [Outbox.decode(b) for b in boxes])
                return
        raise Reclaimed(part.number)

    async def go_back(self, part: OwnedPartition, logs: Mapping[TP, LogRange]) -> None:
        """Read positions again, and announce what the outboxes hold, whoever wrote them.

        Shards that somebody else has written are not fenced: who owns them is decided elsewhere.
        But that one may have died before it announced, and our next commit empties its outbox.
        """
        await self._load(part, logs, taking_over=False)
        boxes = await self._store.outboxes(part.shards)
        await self._announce(part, [Outbox.decode(b) for b in boxes])

    async def _load(
        self, part: OwnedPartition, logs: Mapping[TP, LogRange], taking_over: bool
    ) -> None:
        """Positions and heads from the store. Raises StopPartition where they know another log."""
        ranges = {one.number: logs[(one.topic, part.number)] for one in self._feeds.read}
        stored = await self._store.positions(part.shards)
        part.positions = decode_positions(part.shards, stored, self._layout, ranges)
        part.due.clear()
        part.heads.clear()
        for one in self._feeds.read:
            tp, log = (one.topic, part.number), ranges[one.number]
            check_log(tp, log, self._layout, part.positions, one.number, taking_over)
            at = (p.topics[one.number] for p in part.positions.values())
            last = min(at, key=lambda t: t.offset)
            now = self._wall_ms(), self._monotonic()
            part.heads[one.number] = Head(last.offset, last.watermark, *now)

    async def _announce(self, part: OwnedPartition, boxes: Sequence[Outbox]) -> None:
        """What these outboxes hold; owners are read again."""
        by_shard = dict(zip(part.shards, boxes, strict=True))
        began = self._monotonic()
        stored = await self._last_word.read({shard: box.owners for shard, box in by_shard.items()})
        await self._last_word.announce(by_shard, stored.owners, began)
        if any(box and part.positions[s].nonce != self._nonce for s, box in by_shard.items()):
            self._last_word.stand_by(by_shard, stored.owners)
