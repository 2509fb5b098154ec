"""What is to be folded of one partition: a batch, and the shards that it moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from afflux.limits import StepSettings
from afflux.names import Identity
from afflux.outcome import Batch
from afflux.position import Position, Watermark
from afflux.span import Span
from streams.enrich.cut import cut
from streams.enrich.partition import OwnedPartition


@dataclass(frozen=True, slots=True)
class Work:
    """A batch of an owned partition; the caller holds the lock of the partition."""

    part: OwnedPartition
    at: Watermark
    """W at the base of the batch."""
    span: Span
    people: Sequence[tuple[int, Identity]] = ()
    """(shard, identity) that are asked about audiences although nothing happened to them."""
    swept: Mapping[int, bytes] = field(default_factory=dict)
    """Shard -> how far its back-fill is with this."""

    @staticmethod
    def of(
        part: OwnedPartition,
        batch: Batch,
        at: Watermark,
        shards: Sequence[int],
        settings: StepSettings,
    ) -> Work:
        """Move `shards` to the end of `batch`."""
        return Work(part, at, Span.of(batch, at, shards, settings))

    @property
    def batch(self) -> Batch:
        """What is folded."""
        return self.span.batch

    @property
    def shards(self) -> Sequence[int]:
        """Shards that move."""
        return list(self.span.shards)

    @property
    def end(self) -> Watermark:
        """W at the end of the batch."""
        return self.span.passage.end

    @property
    def positions(self) -> dict[int, Position]:
        """Of the shards that move, as far as this owner knows."""
        return {s: self.part.positions[s] for s in self.span.shards}

    def only(self, shards: Sequence[int]) -> Work:
        """The same batch for some of the shards."""
        return replace(self, span=Span(self.batch, self.span.passage, shards))

    def until(self, end: int, settings: StepSettings) -> Work:
        """The records before offset `end`."""
        return Work.of(
            self.part, cut(self.batch, self.batch.base, end), self.at, self.shards, settings
        )

    def after(self, piece: Work, settings: StepSettings) -> Work:
        """The records that follow those of `piece`."""
        rest = cut(self.batch, piece.batch.end, self.batch.end)
        return Work.of(self.part, rest, piece.end, self.shards, settings)
