"""A trivial plane: counts records, keeps positions in memory that several workers can share."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from profile_store.errors import StoreUnavailable
from streams.ports import TP, LogRange, Rewind
from streams.records import RecordBatch


@dataclass
class Store:
    """Positions and counts, moved together or not at all, with compare-and-set."""

    positions: dict[TP, int] = field(default_factory=dict)
    folded: dict[TP, list[int]] = field(default_factory=lambda: defaultdict(list))
    values: dict[TP, list[bytes | None]] = field(default_factory=lambda: defaultdict(list))
    away: bool = False

    def check(self) -> None:
        """Raises StoreUnavailable while away."""
        if self.away:
            raise StoreUnavailable("connection refused")

    def commit(self, batch: RecordBatch, expected: int) -> bool:
        """Advance if the position is the expected one."""
        self.check()
        tp = (batch.topic, batch.partition)
        if self.positions.get(tp, 0) != expected:
            return False
        self.folded[tp] += batch.offsets.tolist()
        self.values[tp] += batch.values
        self.positions[tp] = batch.end
        return True


class CountingPlane:
    """Folds by appending to the store; rewinds when the store is elsewhere."""

    def __init__(
        self, store: Store, topics: Sequence[str], seconds: float = 0.0, name: str = ""
    ) -> None:
        self.store, self.topics, self.seconds, self.name = store, topics, seconds, name
        self.batches: list[int] = []
        self.busy: set[int] = set()
        self.assignments: list[set[TP]] = []
        self.revocations = 0
        self.ticks = 0
        self.closed = False
        self.owned: set[int] = set()

    async def assigned(self, logs: Mapping[TP, LogRange]) -> dict[TP, int]:
        """Positions from the store."""
        self.store.check()
        self.assignments.append(set(logs))
        self.owned |= {n for _, n in logs}
        await asyncio.sleep(0)
        return {tp: self.store.positions.get(tp, log.start) for tp, log in logs.items()}

    async def process(self, records: RecordBatch) -> None:
        """Append, or rewind."""
        assert records.partition not in self.busy, "two batches of a partition at once"
        assert records.partition in self.owned, "not ours"
        self.busy.add(records.partition)
        try:
            tp = (records.topic, records.partition)
            position = self.store.positions.get(tp, 0)
            if self.seconds:
                await asyncio.sleep(self.seconds)
            self.store.check()
            if position != records.base or not self.store.commit(records, records.base):
                raise Rewind({tp: self.store.positions.get(tp, 0)}, "the store is elsewhere")
            self.batches.append(len(records))
        finally:
            self.busy.discard(records.partition)

    async def revoked(self, partitions: Sequence[int]) -> None:
        """Count it."""
        self.revocations += 1
        self.owned -= set(partitions)

    async def tick(self) -> None:
        """Count it."""
        self.store.check()
        self.ticks += 1

    async def close(self) -> None:
        """Remember it."""
        self.closed = True
