"""A topic set of its own on a broker of the session, and workers on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

from runtime_broker import Broker
from shell_planes import CountingPlane, MemoryStore
from streams.admin import Admin
from streams.bulk import BulkProducer
from streams.metrics import Metrics
from streams.ports import TP
from streams.settings import StreamSettings
from streams.topics import Topic
from streams.worker import run_worker


class Cluster:
    """Two input topics with the same number of partitions, and a consumer group's name."""

    def __init__(self, bootstrap: str, partitions: int = 4, **settings: Any) -> None:
        self.bootstrap, self.partitions = bootstrap, partitions
        defaults = {"session_timeout_ms": 6_000, "heartbeat_interval_ms": 500}
        self.settings = StreamSettings(
            brokers=bootstrap, group=Broker.unique("g"), **(defaults | settings)
        )
        self.admin = Admin(self.settings)
        self.topics = (Broker.unique("events"), Broker.unique("attributes"))
        self._number = 0

    def create(self) -> None:
        """Make the topics."""
        topics = [topic(name) for name in self.topics]
        assert len(self.admin.create(self.partitions, topics)) == len(topics)

    def produce(self, count: int, size: int = 100) -> None:
        """So many records over all topic partitions, with values that differ."""
        producer = BulkProducer(self.settings)
        for number in range(self._number, self._number + count):
            name = self.topics[number % 2]
            partition = number // 2 % self.partitions
            value = str(number).encode().ljust(size)
            producer.produce(name, b"k%d" % number, value, partition=partition)
        self._number += count
        producer.flush(30)

    @property
    def expected(self) -> dict[TP, list[int]]:
        """Offsets of all records produced, per topic partition, each once and in order."""
        counts: dict[TP, int] = {}
        for number in range(self._number):
            tp = (self.topics[number % 2], number // 2 % self.partitions)
            counts[tp] = counts.get(tp, 0) + 1
        return {tp: list(range(count)) for tp, count in counts.items()}

    def plane(self, store: MemoryStore, seconds: float = 0.0) -> CountingPlane:
        """A plane over both topics."""
        return CountingPlane(store, self.topics, seconds)

    @asynccontextmanager
    async def worker(
        self, plane: CountingPlane, metrics: Metrics | None = None, **changes: Any
    ) -> AsyncIterator[Running]:
        """A worker in this process; stopped at the end of the block."""
        settings = self.settings.model_copy(update=changes)
        stop = asyncio.Event()
        task = asyncio.create_task(
            run_worker(settings, {"enrich": plane}, metrics=metrics, stop=stop, signals=False)
        )
        running = Running(task, stop)
        try:
            yield running
        finally:
            await running.end()


class Running:
    """A worker in this process."""

    def __init__(self, task: asyncio.Task[int], stop: asyncio.Event) -> None:
        self.task = task
        self._stop = stop

    async def end(self) -> int:
        """Stop it cleanly; its exit code."""
        self._stop.set()
        async with asyncio.timeout(30):
            return await self.task


def topic(name: str, partitions: int | None = None) -> Topic:
    """An input topic of the test."""
    return Topic(name, "id", (), "delete", "test", "test", partitions, log_append_time=True)


async def until(
    condition: Callable[[], bool], seconds: float = 40.0, about: Callable[[], object] | None = None
) -> None:
    """Wait for a condition, looking often; fails loudly after `seconds`."""
    limit = monotonic() + seconds
    while not condition():
        if monotonic() > limit:
            raise AssertionError(f"not in {seconds} s: {about() if about else 'the condition'}")
        await asyncio.sleep(0.01)


def complete(folded: Mapping[TP, list[int]]) -> dict[TP, list[int]]:
    """What was folded, to compare with `Cluster.expected`."""
    return {tp: list(offsets) for tp, offsets in folded.items()}
