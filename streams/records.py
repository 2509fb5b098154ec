"""Records as they come from a topic partition: raw bytes, nothing decoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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

    def __len__(self) -> int:
        return len(self.offsets)
