"""A trivial plane: keeps every record that it folded, and positions moved by compare-and-set."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from profile_store.errors import StoreUnavailable
from streams.ports import TP, LogRange, Rewind, StopPartition
from streams.records import RecordBatch


class Store(Protocol):
    """Where positions and folded offsets live, moved together or not at all."""

    def check(self) -> None:
        """Raises StoreUnavailable while away."""
        ...

    def position(self, tp: TP) -> int | None:
        """Where to go on, None if nothing was folded yet."""
        ...

    def commit(self, batch: RecordBatch, expected: int) -> bool:
        """Fold and advance if the position is still the expected one."""
        ...


class MemoryStore:
    """Shared by the workers of one process."""

    def __init__(self) -> None:
        self.positions: dict[TP, int] = {}
        self.folded: dict[TP, list[int]] = defaultdict(list)
        self.values: list[bytes | None] = []
        self.away = False

    @property
    def count(self) -> int:
        """Records folded."""
        return sum(map(len, self.folded.values()))

    def check(self) -> None:
        """Raises StoreUnavailable while away."""
        if self.away:
            raise StoreUnavailable("connection refused")

    def position(self, tp: TP) -> int | None:
        """Where to go on."""
        return self.positions.get(tp)

    def commit(self, batch: RecordBatch, expected: int) -> bool:
        """Fold and advance if the position is still the expected one."""
        self.check()
        tp = (batch.topic, batch.partition)
        if self.positions.get(tp, 0) != expected:
            return False
        self.folded[tp] += batch.offsets.tolist()
        self.values += batch.values
        self.positions[tp] = batch.end
        return True

    def restore(self, tp: TP, position: int) -> None:
        """An older copy of the store comes back."""
        self.positions[tp] = position
        self.folded[tp] = [offset for offset in self.folded[tp] if offset < position]


class SqliteStore:
    """Shared by processes."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, timeout=30)
        self._db.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"
            "CREATE TABLE IF NOT EXISTS position(topic, part, at, PRIMARY KEY(topic, part));"
            "CREATE TABLE IF NOT EXISTS folded(topic, part, at)"
        )

    def check(self) -> None:
        """Always there."""

    def position(self, tp: TP) -> int | None:
        """Where to go on."""
        query = "SELECT at FROM position WHERE topic = ? AND part = ?"
        row = self._db.execute(query, tp).fetchone()
        return None if row is None else int(row[0])

    def commit(self, batch: RecordBatch, expected: int) -> bool:
        """Fold and advance if the position is still the expected one."""
        tp = (batch.topic, batch.partition)
        self._db.execute("BEGIN IMMEDIATE")
        fits = (self.position(tp) or 0) == expected
        if fits:
            rows = [(*tp, offset) for offset in batch.offsets.tolist()]
            self._db.executemany("INSERT INTO folded VALUES (?, ?, ?)", rows)
            self._db.execute("REPLACE INTO position VALUES (?, ?, ?)", (*tp, batch.end))
        self._db.execute("COMMIT")
        return fits

    @property
    def count(self) -> int:
        """Records folded."""
        return int(self._db.execute("SELECT count(*) FROM folded").fetchone()[0])

    def folded(self) -> dict[TP, list[int]]:
        """Offsets in the order of folding."""
        found: dict[TP, list[int]] = defaultdict(list)
        for topic, part, at in self._db.execute(
            "SELECT topic, part, at FROM folded ORDER BY rowid"
        ):
            found[topic, part].append(at)
        return found

    def close(self) -> None:
        """Release the file."""
        self._db.close()


class CountingPlane:
    """Folds by keeping; rewinds when the store is elsewhere. seconds: that a batch takes."""

    def __init__(self, store: Store, topics: Sequence[str], seconds: float = 0.0) -> None:
        self.store, self.topics, self.seconds = store, topics, seconds
        self.batches: list[int] = []
        self.assignments: list[set[TP]] = []
        self.revocations = 0
        self.rewinds = 0
        self.closed = False
        self.owned: set[TP] = set()
        self.failures: list[Exception] = []
        """Raised by the next calls of `process`, one each."""
        self._busy: set[int] = set()
        self._known: dict[TP, int] = {}

    async def assigned(self, logs: Mapping[TP, LogRange]) -> dict[TP, int]:
        """Positions from the store."""
        self.store.check()
        self.assignments.append(set(logs))
        await asyncio.sleep(0)
        seeks = {}
        for tp, log in logs.items():
            position = self.store.position(tp)
            seeks[tp] = log.start if position is None else position
        self.owned |= set(logs)
        self._known |= seeks
        return seeks

    async def process(self, records: RecordBatch) -> None:
        """Keep them, or rewind."""
        tp = (records.topic, records.partition)
        assert records.partition not in self._busy, "two batches of a partition at once"
        self._busy.add(records.partition)
        try:
            if self.seconds:
                await asyncio.sleep(self.seconds)
            if self.failures:
                raise self.failures.pop(0)
            self.store.check()
            if not self.store.commit(records, records.base):
                self.rewinds += 1
                position = self.store.position(tp) or 0
                self._known[tp] = position
                raise Rewind({tp: position}, "the store is elsewhere")
            self._known[tp] = records.end
            self.batches.append(len(records))
        finally:
            self._busy.discard(records.partition)

    async def revoked(self, partitions: Sequence[int]) -> None:
        """Forget them."""
        self.revocations += 1
        self.owned = {tp for tp in self.owned if tp[1] not in partitions}

    async def tick(self) -> None:
        """Notice an older store under idle partitions."""
        self.store.check()
        moved = {}
        for tp in self.owned:
            if tp[1] not in self._busy:
                position = self.store.position(tp) or 0
                if position < self._known.get(tp, 0):
                    moved[tp] = self._known[tp] = position
        if moved:
            self.rewinds += 1
            raise Rewind(moved, "an older store came back")

    async def close(self) -> None:
        """Remember it."""
        self.closed = True


class StoppingPlane(CountingPlane):
    """Refuses its partitions."""

    async def assigned(self, logs: Mapping[TP, LogRange]) -> dict[TP, int]:
        """Always StopPartition."""
        raise StopPartition("positions of another log; run `afflux doctor`")
