"""Lanes without a broker: a fake consumer and a plane that does what the test says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from streams.lanes import Lanes
from streams.metrics import Metrics
from streams.ports import TP, LogRange
from streams.records import RecordBatch
from streams.settings import StreamSettings

TPS = {("a", 0), ("b", 0), ("a", 1), ("b", 1)}


class FakeSource:
    """A consumer that remembers what it was asked."""

    def __init__(self) -> None:
        self.epochs: dict[TP, int] = {}
        self.sought: dict[TP, int] = {}
        self.paused: set[TP] = set()
        self.pauses = 0
        self.done: list[tuple[str, int, int]] = []
        self.released = 0
        self.ends = 100
        self.error: Exception | None = None

    async def log_ranges(self, tps: Iterable[TP]) -> dict[TP, LogRange]:
        """0 to `ends`."""
        if self.error is not None:
            raise self.error
        return {tp: LogRange(b"i" * 16, 0, self.ends) for tp in tps}

    async def seek_all(self, offsets: Mapping[TP, int]) -> set[TP]:
        """The next epoch of each."""
        self.sought |= offsets
        for tp in offsets:
            self.epochs[tp] = self.epochs.get(tp, 0) + 1
        return set(offsets)

    def is_current(self, batch: RecordBatch) -> bool:
        """Of the last epoch."""
        return self.epochs.get((batch.topic, batch.partition)) == batch.epoch

    def folded(self, batch: RecordBatch) -> None:
        """Remember it."""
        self.done.append((batch.topic, batch.partition, batch.base))

    def release(self, batch: RecordBatch) -> None:
        """Count it."""
        self.released += 1

    def pause(self, tps: Iterable[TP]) -> None:
        """Remember it."""
        self.paused |= set(tps)
        self.pauses += 1

    def resume(self, tps: Iterable[TP]) -> None:
        """Remember it."""
        self.paused -= set(tps)

    def batch(self, topic: str, partition: int, base: int = 0) -> RecordBatch:
        """One record of the current epoch."""
        epoch = self.epochs[topic, partition]
        one = np.array([base])
        return RecordBatch(topic, partition, base, base + 1, epoch, one, one, [b"k"], [b"v"], [()])


class ScriptedPlane:
    """Does what the test says. steps: errors, or things to wait for, one a call of process."""

    topics: Sequence[str] = ("a", "b")

    def __init__(self) -> None:
        self.steps: list[object] = []
        self.assigning: list[Exception] = []
        self.ticking: list[Exception] = []
        self.position = 0
        self.processed: list[tuple[str, int, int]] = []
        self.sizes: list[int] = []
        self.now: set[int] = set()
        self.most = 0
        self.gave_up: list[list[int]] = []
        self.revoking: asyncio.Event | None = None

    async def assigned(self, logs: Mapping[TP, LogRange]) -> dict[TP, int]:
        """`position` for all, or the next error."""
        if self.assigning:
            raise self.assigning.pop(0)
        return dict.fromkeys(logs, self.position)

    async def process(self, records: RecordBatch) -> None:
        """The next step."""
        assert records.partition not in self.now
        self.now.add(records.partition)
        self.most = max(self.most, len(self.now))
        try:
            await asyncio.sleep(0)
            step = self.steps.pop(0) if self.steps else None
            if isinstance(step, Exception):
                raise step
            if isinstance(step, asyncio.Event):
                await step.wait()
            self.processed.append((records.topic, records.partition, records.base))
            self.sizes.append(records.end - records.base)
        finally:
            self.now.discard(records.partition)

    async def revoked(self, partitions: Sequence[int]) -> None:
        """Remember it, or hang."""
        self.gave_up.append(list(partitions))
        if self.revoking is not None:
            await self.revoking.wait()

    async def tick(self) -> None:
        """The next error."""
        if self.ticking:
            raise self.ticking.pop(0)

    async def close(self) -> None:
        """Nothing."""


class Rig:
    """Lanes over a fake source and a scripted plane."""

    def __init__(self) -> None:
        self.source, self.plane = FakeSource(), ScriptedPlane()
        settings = StreamSettings(
            brokers="none:1", backoff_ms=1, max_backoff_ms=5, max_failures=2,
            seek_timeout_ms=200, revoke_timeout_ms=200, drain_timeout_ms=300,
        )  # fmt: skip
        self.lanes = Lanes("enrich", self.plane, settings, Metrics().of("enrich"))
        self.lanes.connect(self.source)
        self.acknowledged = 0

    def submit(self, topic: str, partition: int, base: int = 0) -> None:
        """A batch of the current epoch."""
        self.lanes.submit(self.source.batch(topic, partition, base), self._acknowledge)

    def _acknowledge(self) -> None:
        self.acknowledged += 1

    async def paused_and_resumed(self, before: int) -> None:
        """Until there was a pause after so many, and its end: a short one may be over unseen."""
        await self.until(lambda: self.source.pauses > before and not self.source.paused)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for it; the limit is for what hangs."""
        async with asyncio.timeout(30):
            while not condition():
                await asyncio.sleep(0.002)
