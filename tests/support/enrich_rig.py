"""A worker's enrich plane over logs in memory: what the shell and the broker do, without them."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from afflux.catalog import Catalog
from afflux.limits import DAY_MS, Expiry, Timelines
from afflux.scoring import Scorer
from afflux.shards import murmur2, partition_of
from core_cases import CATALOG, linear_scorer
from profile_store.audience_store import AudienceStore
from profile_store.contract import ShardStore
from profile_store.errors import StoreUnavailable
from streams.audience_source import AudienceSource
from streams.bad_records import BadRecord, Limits
from streams.decoding import Decoder
from streams.delivery import DeliveryClosed
from streams.enrich import EnrichPlane, EnrichSettings
from streams.enrich.feeds import DatasetSource
from streams.ports import TP, LogRange, Message, Rewind
from streams.records import Headers, RecordBatch
from streams.topics import EXPERIENCE_EVENTS, INPUT_TOPICS, PROFILE_ATTRIBUTES

SECRET = b"a secret of the tests"
START = 1_700_000_000_000
TIMELINES = Timelines(events=20, lifetime_ms=30 * DAY_MS)
"""So that both limits are met."""


@dataclass(frozen=True)
class Logged:
    """A record of a log; its offset is its place."""

    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: Headers = ()


@dataclass
class Logs:
    """The broker: input topics as lists, output topics as lists of messages."""

    partitions: int
    inputs: dict[TP, list[Logged]] = field(default_factory=lambda: defaultdict(list))
    outputs: dict[str, list[Message]] = field(default_factory=lambda: defaultdict(list))
    now: int = START
    frozen: bool = False
    """The inputs are complete: control records that are derived again are left out."""
    fail_after: int | None = None
    """So many more messages are taken, then sending never ends."""
    more: list[str] = field(default_factory=list)
    """Input topics beside the built-in ones."""

    def append(self, topic: str, record: Logged, partition: int | None = None) -> None:
        """Append where the key belongs."""
        if partition is None:
            partition = int(partition_of(murmur2([record.key or b""]), self.partitions)[0])
        self.inputs[(topic, partition)].append(record)

    async def send(self, messages: Sequence[Message]) -> dict[TP, int]:
        """The delivery of the planes."""
        for m in messages:
            if self.fail_after is not None:
                self.fail_after -= 1
                if self.fail_after < 0:
                    raise DeliveryClosed("the producer was closed")
            if m.topic == EXPERIENCE_EVENTS.name:
                if not self.frozen:
                    record = Logged(m.key, m.value, self.now, m.headers)
                    self.append(m.topic, record, m.partition)
            else:
                self.outputs[m.topic].append(m)
        return {(topic, 0): len(sent) for topic, sent in self.outputs.items()}

    def ranges(self, partitions: Sequence[int]) -> dict[TP, LogRange]:
        """What the broker says."""
        return {
            (name, p): LogRange(name.encode().ljust(16)[:16], 0, len(self.inputs[(name, p)]))
            for name in [*(t.name for t in INPUT_TOPICS), *self.more]
            for p in partitions
        }

    def batch(self, tp: TP, base: int, records: int, epoch: int = 0) -> RecordBatch:
        """Records [base, base + records) as the transport gives them."""
        found = self.inputs[tp][base : base + records]
        return RecordBatch(
            tp[0], tp[1], base, base + len(found), epoch,
            np.arange(base, base + len(found), dtype=np.int64),
            np.array([r.timestamp for r in found], np.int64),
            [r.key for r in found], [r.value for r in found], [r.headers for r in found],
        )  # fmt: skip


class FixedScorers:
    """Snapshots that never change, and a learner that is never behind."""

    def __init__(self, scorer: Scorer) -> None:
        self.current = scorer
        self.learned_offset = 2**60

    async def refresh(self) -> None:
        """Nothing new."""


@dataclass
class KeptDeadLetters:
    """Dead letters by source."""

    found: dict[tuple[str, int, int], BadRecord] = field(default_factory=dict)

    async def send(self, records: RecordBatch, bad: Sequence[BadRecord]) -> None:
        """Keep them."""
        for b in bad:
            self.found[(records.topic, records.partition, b.offset)] = b


class Worker:
    """One owner: a plane that is driven by hand."""

    def __init__(
        self,
        store: ShardStore,
        logs: Logs,
        shards: int,
        name: str,
        catalog: Catalog = CATALOG,
        commit_rows: int = 500,
        idle_tick_s: float = 0,
        expiry: Expiry | None = None,
        audiences: AudienceStore | None = None,
        baskets: int = 0,
        timelines: Timelines = TIMELINES,
        datasets: DatasetSource | None = None,
    ) -> None:
        self.logs = logs
        self.monotonic = 0.0
        self.offsets: dict[TP, int] = {}
        self.dead_letters = KeptDeadLetters()
        limits = Limits(partitions=logs.partitions, shards=shards)
        settings = EnrichSettings(
            partitions=logs.partitions, shards=shards, secret=SECRET, idle_tick_s=idle_tick_s,
            commit_rows=commit_rows, bad_share=1.0, expiry=expiry or Expiry(), baskets=baskets,
            timelines=timelines,
        )  # fmt: skip
        self.plane = EnrichPlane(
            settings, catalog, store, logs, Decoder(limits, SECRET, types=catalog.types),
            self.dead_letters,
            FixedScorers(linear_scorer(catalog)), name.encode().ljust(16)[:16],
            monotonic=lambda: self.monotonic, wall_ms=lambda: logs.now,
            audiences=AudienceSource(audiences, catalog) if audiences is not None else None,
            people=audiences, datasets=datasets,
        )  # fmt: skip

    async def own(self, partitions: Sequence[int]) -> None:
        """A rebalance gives us these, or we take them over again after an outage."""
        self.offsets |= await self.plane.assigned(self.logs.ranges(partitions))

    async def step(self, tp: TP, records: int) -> bool:
        """Fold up to so many records of one topic partition; False at its end."""
        base = self.offsets[tp]
        batch = self.logs.batch(tp, base, records)
        if not len(batch):
            return False
        try:
            await self.plane.process(batch)
            self.offsets[tp] = batch.end
        except Rewind as rewind:
            self.offsets |= rewind.offsets
        return True

    async def tick(self) -> None:
        """A second has passed."""
        try:
            await self.plane.tick()
        except Rewind as rewind:
            self.offsets |= rewind.offsets

    async def drain(self, rng: random.Random | None = None, most: int = 50) -> None:
        """Fold everything, some partitions at a time in random turns, then advance all shards."""
        rng = rng or random.Random(1)
        while True:
            tps = [tp for tp, o in self.offsets.items() if o < len(self.logs.inputs[tp])]
            if not tps:
                await self.tick()
                await self.tick()  # the log stands still since the first: all shards advance
                await self.plane.close()
                tps = [tp for tp, o in self.offsets.items() if o < len(self.logs.inputs[tp])]
                if not tps:
                    return
            rng.shuffle(tps)
            some = {number: tp for tp in tps for number in [tp[1]]}
            together = list(some.values())[: rng.randint(1, len(some))]
            steps = [self.step(tp, rng.randint(1, most)) for tp in together]
            for ended in await asyncio.gather(*steps, return_exceptions=True):
                if isinstance(ended, BaseException):
                    raise ended


def rows_of(dump: Mapping[bytes, object]) -> dict[bytes, object]:
    """What the log alone decides: rows, attributes, edges, deadlines, interests, counts, events."""
    kinds = (b"f:", b"a:", b"l:", b"d:", b"i:", b"c:", b"t:")
    return {k: v for k, v in dump.items() if k[:2] in kinds and v}


__all__ = [
    "PROFILE_ATTRIBUTES",
    "SECRET",
    "START",
    "TIMELINES",
    "FixedScorers",
    "Logged",
    "Logs",
    "StoreUnavailable",
    "Worker",
    "rows_of",
]
