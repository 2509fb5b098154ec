"""Records as they come from a topic partition: raw bytes, nothing decoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from afflux.columns import I64

Headers = Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """Consecutive records of one topic partition; all sequences have the same length.

    Offsets ascend but may have gaps (compaction, transaction markers); `base` <= the first
    offset, and `end` is one past the last. `epoch` counts the seeks of the partition: a batch
    fetched before a seek has an older one and must not be folded.
    """

    topic: str
    partition: int
    base: int
    end: int
    epoch: int
    offsets: I64
    timestamps: I64
    """Kafka's record timestamps, ms."""
    keys: Sequence[bytes | None]
    values: Sequence[bytes | None]
    headers: Sequence[Headers]

    def is_followed_by(self, other: RecordBatch) -> bool:
        """Whether `other` goes on where this one ends, without a seek between them."""
        return (self.topic, self.partition, self.epoch) == (
            other.topic,
            other.partition,
            other.epoch,
        ) and self.end == other.base

    def __len__(self) -> int:
        return len(self.offsets)


def joined(batches: Sequence[RecordBatch]) -> RecordBatch:
    """One batch of batches that follow each other."""
    if len(batches) == 1:
        return batches[0]
    return replace(side_by_side(batches), base=batches[0].base, end=batches[-1].end)


def side_by_side(batches: Sequence[RecordBatch]) -> RecordBatch:
    """The records of all batches; where they are of several partitions its offsets say nothing."""
    first = batches[0]
    return RecordBatch(
        first.topic,
        first.partition,
        first.base,
        first.end,
        first.epoch,
        np.concatenate([b.offsets for b in batches]),
        np.concatenate([b.timestamps for b in batches]),
        [key for b in batches for key in b.keys],
        [value for b in batches for value in b.values],
        [headers for b in batches for headers in b.headers],
    )
