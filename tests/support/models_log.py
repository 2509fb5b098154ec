"""A log of training examples in memory, and a learn plane over it."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np

from afflux.catalog import Catalog
from afflux.names import Identity
from models import churn, lifetime_value
from models.learner import Schedule
from profile_store.contract import ShardStore
from profile_store.errors import StoreUnavailable
from profile_store.memory import MemoryShardStore
from streams.encoding import encode_training_examples
from streams.learner_metrics import LearnerMetrics
from streams.learning import LearnPlane
from streams.ports import TP, LogRange, Message
from streams.records import RecordBatch
from streams.topics import TRAINING_EXAMPLES

MODELS = (churn.MODEL, lifetime_value.MODEL)
CATALOG = Catalog([model.spec for model in MODELS])
LOG: TP = (TRAINING_EXAMPLES.name, 0)
TOPIC_ID = b"examples".ljust(16, b"-")


def example_values(n: int, seed: int = 11, version: int = 1) -> list[bytes]:
    """`n` examples of both models in turns, ascending in each of 8 shards."""
    generator = np.random.default_rng(seed)
    closed = np.zeros(n, CATALOG.closed)
    i = np.arange(n)
    closed["model"] = i % len(CATALOG.models)
    closed["row"] = i // 2
    closed["shard"] = closed["row"] % 8
    closed["deadline"] = 1_000 + closed["row"] // 16
    closed["open_ts"] = closed["deadline"] - 500
    closed["open_offset"] = i
    x = generator.normal(0, 1, (n, CATALOG.dimension))
    closed["vector"] = x
    closed["version"] = np.where(i < n // 10, 0, version)
    likely = 1 / (1 + np.exp(-2 * x[:, 0]))
    amount = closed["model"] == 1
    spent = np.expm1(np.maximum(0, 3 + x[:, 0]))
    closed["label"] = np.where(amount, spent, generator.random(n) < likely)
    closed["served"] = np.where(amount, np.expm1(np.maximum(0, 3 + 0.8 * x[:, 0])), likely)
    return encode_training_examples(CATALOG, closed, [Identity(b"t:%04d" % k) for k in range(n)])


@dataclass
class ExampleLog:
    """Values by offset; what the plane announced; a clock that stands still."""

    values: list[bytes | None] = field(default_factory=list)
    names: dict[int, bytes] = field(default_factory=dict)
    """Keys of records that are not those of a model."""
    sent: list[Message] = field(default_factory=list)
    now: float = 0.0
    topic_id: bytes = TOPIC_ID
    start: int = 0

    def ranges(self) -> dict[TP, LogRange]:
        """What the broker says."""
        return {LOG: LogRange(self.topic_id, self.start, len(self.values))}

    async def send(self, messages: Sequence[Message]) -> dict[tuple[str, int], int]:
        """The delivery of the plane."""
        self.sent += messages
        return {(m.topic, 0): len(self.sent) for m in messages}

    def batch(self, base: int, end: int) -> RecordBatch:
        """Consecutive records."""
        n = end - base
        return RecordBatch(
            LOG[0], 0, base, end, 0, np.arange(base, end), np.zeros(n, np.int64),
            [self.names.get(i, b"model") for i in range(base, end)], self.values[base:end],
            [()] * n,
        )  # fmt: skip

    def plane(
        self,
        store: ShardStore,
        schedule: Schedule | None = None,
        metrics: LearnerMetrics | None = None,
        clusters: bool = True,
    ) -> LearnPlane:
        """A new process."""
        return LearnPlane(
            MODELS, CATALOG, store, self, lambda: self.now, lambda: 1_700_000_000_000,
            schedule or Schedule(100, 5.0), metrics=metrics, clusters=clusters,
        )  # fmt: skip

    async def feed(
        self, plane: LearnPlane, base: int, end: int | None = None, step: int = 50
    ) -> None:
        """Records [base, end) in batches."""
        end = len(self.values) if end is None else end
        for at in range(base, end, step):
            await plane.process(self.batch(at, min(at + step, end)))


async def current(store: ShardStore) -> dict[str, bytes]:
    """The bytes of the current snapshots."""
    found: dict[str, bytes] = {}
    names = [m.name for m in CATALOG.models]
    for name, version in zip(names, await store.current_snapshots(names), strict=True):
        if version is not None:
            data = await store.snapshot(name, version)
            assert data is not None
            found[name] = data
    return found


class Incidents:
    """A learner that is fed to the end of the log while things go wrong at random."""

    def __init__(self, log: ExampleLog, store: MemoryShardStore, seed: int) -> None:
        self.log, self.store = log, store
        self.chance = random.Random(seed)
        self.at = 0
        self.plane = log.plane(store)
        self.backup = store.dump()
        self.seen: Counter[str] = Counter()

    async def run(self) -> None:
        """Until everything is learned and published."""
        await self._assign()
        incidents = [
            self.death, self.death_in_a_batch, self.outage, self.older_store, self.keep_a_copy,
            self.step, self.step, self.step,
        ]  # fmt: skip
        while self.at < len(self.log.values):
            incident = self.chance.choice(incidents)
            self.seen[incident.__name__] += 1
            await incident()
        await self.plane.close()

    async def step(self) -> None:
        """A batch, and nothing goes wrong."""
        end = self._end()
        await self.plane.process(self.log.batch(self.at, end))
        self.at = end

    async def death(self) -> None:
        """Another process takes over; the old one does not know and publishes after that."""
        zombie = self.plane
        self.plane = self.log.plane(self.store)
        await self._assign()
        await zombie.close()

    async def death_in_a_batch(self) -> None:
        """The process dies with half a batch learned."""
        batch = self.log.batch(self.at, self._end())
        task = asyncio.create_task(self.plane.process(batch))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        self.plane = self.log.plane(self.store)
        await self._assign()

    async def outage(self) -> None:
        """The store is away when a snapshot is due; the shell assigns the partition again."""
        self.store.available = False
        self.log.now += 10
        with suppress(StoreUnavailable):
            await self.step()
        self.store.available = True
        await self._assign()

    async def older_store(self) -> None:
        """The store is as it was a while ago; the learner may notice or not."""
        self.store.restore(self.backup)
        if self.chance.random() < 0.5:
            self.plane = self.log.plane(self.store)
            await self._assign()

    async def keep_a_copy(self) -> None:
        """What the store may be restored to."""
        self.backup = self.store.dump()

    async def _assign(self) -> None:
        self.at = (await self.plane.assigned(self.log.ranges()))[LOG]

    def _end(self) -> int:
        return min(self.at + self.chance.randrange(1, 150), len(self.log.values))
