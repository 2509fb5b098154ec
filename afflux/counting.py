"""Exact counters and the positions that hold them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import add

import numpy as np

from afflux.codes import COUNTERS
from afflux.columns import I32, I64, U64
from afflux.controls import Selected
from afflux.position import Position, TopicPosition
from afflux.sources import Repeats, kept
from afflux.span import Span


class Counters:
    """What a step adds to the counters of each advancing shard."""

    def __init__(self, shards: Sequence[int]) -> None:
        self._shards = sorted(shards)
        self._place = {shard: i for i, shard in enumerate(self._shards)}
        self._added = np.zeros((len(shards), COUNTERS), np.uint64)

    def add(self, shard: I32 | I64, code: I64) -> None:
        """One for each pair; the shards must be advancing."""
        if len(shard) < _FEW:
            self.add_pairs(list(zip(shard.tolist(), code.tolist(), strict=True)))
            return
        at = np.array(self._shards).searchsorted(shard) * COUNTERS + code
        added = np.bincount(at, minlength=self._added.size).astype(np.uint64)
        self._added += added.reshape(-1, COUNTERS)

    def add_pairs(self, pairs: Sequence[tuple[int, int]]) -> None:
        """One for each (shard, code)."""
        for shard, code in pairs:
            self._added[self._place[shard], code] += _ONE

    def by_shard(self) -> dict[int, U64]:
        """Shard -> what to add, all advancing shards."""
        return dict(zip(self._shards, self._added, strict=True))


_FEW = 16
"""So few are counted faster one by one."""

_ONE = np.uint64(1)


def rejected(span: Span, positions: Mapping[int, Position]) -> list[tuple[int, int]]:
    """(shard, code) of the rejected records of a span that the shards have not counted."""
    batch = span.batch
    return [
        (r.shard, int(r.code))
        for r in batch.rejected
        if r.shard in positions and r.offset >= positions[r.shard].topics[batch.topic].offset
    ]


def moved(
    spans: Sequence[Span],
    positions: Mapping[int, Position],
    added: Mapping[int, U64],
    controls: Selected,
    repeats: Repeats,
    source_ms: int,
) -> dict[int, Position]:
    """The positions of the shards of these spans after the step."""
    result = {}
    for span in spans:
        batch = span.batch
        here = TopicPosition(b"", batch.end, span.passage.end)
        for shard in span.shards:
            old = positions[shard]
            topics = list(old.topics)
            at = topics[batch.topic]
            if here.topic_id != at.topic_id:
                here = TopicPosition(at.topic_id, batch.end, span.passage.end)
            if batch.end >= at.offset:
                topics[batch.topic] = here
            counters = tuple(map(add, old.counters, added[shard].tolist()))
            origins = controls.origins.get(shard, old.origins)
            sources = repeats.moved.get(shard)
            sources = old.sources if sources is None else kept(sources, source_ms)
            result[shard] = Position(
                old.layout, tuple(topics), old.version, old.nonce, counters, origins, sources
            )
    return result
