"""Checks of stored rows over a log and a store in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from afflux.catalog import Catalog
from afflux.limits import StepSettings
from afflux.names import Identity
from afflux.oracle.sample import EVERYBODY, Sample
from core_cases import CATALOG
from enrich_rig import SECRET, Logs
from memory_link import MemoryLink
from profile_store.audience_store import AudienceStore
from profile_store.evidence import Evidence, read_evidence
from profile_store.memory import MemoryShardStore
from streams.bad_records import Limits
from streams.decoding import Decoder
from streams.ports import LogRange
from streams.records import RecordBatch
from streams.topics import EXPERIENCE_EVENTS
from streams.verify.check import PartitionCheck, Rules
from streams.verify.findings import Report
from streams.verify.people import choose


class MemoryLog:
    """A partition of logs in memory; start: retention has taken what is before."""

    def __init__(self, logs: Logs, partition: int, start: int = 0, at_once: int = 100) -> None:
        self._logs, self._tp = logs, (EXPERIENCE_EVENTS.name, partition)
        self._at_once = at_once
        found = logs.ranges([partition])[self._tp]
        self.range = LogRange(found.topic_id, start, found.end)
        self.end = start

    def read(self) -> RecordBatch | None:
        """The next records."""
        batch = self._logs.batch(self._tp, self.end, self._at_once)
        self.end = batch.end
        return batch if len(batch) else None


class Checker:
    """Checks a memory store against its logs."""

    def __init__(
        self,
        store: MemoryShardStore,
        logs: Logs,
        settings: StepSettings,
        catalog: Catalog = CATALOG,
        *,
        timed_by_rules: bool = False,
    ) -> None:
        self.store, self.logs = store, logs
        self.rules = Rules(catalog, settings, logs.partitions, timed_by_rules)
        self._link = MemoryLink(store)

    def read(self, shard: int, people: Sequence[Identity]) -> tuple[bytes, list[Evidence]]:
        """What is stored."""
        return asyncio.run(read_evidence(self._link, self.store.keys, shard, people))

    def partition(self, number: int, sample: Sample, start: int = 0) -> PartitionCheck:
        """The check of one partition."""
        limits = Limits(partitions=self.logs.partitions, shards=self.store.keys.shards)
        decoder = Decoder(limits, SECRET, types=self.rules.catalog.types)
        log = MemoryLog(self.logs, number, start)
        return PartitionCheck(number, self.rules, sample, log, decoder, self.read)

    def everybody(self, most: int = 0, seed: int = 0, starts: Sequence[int] = ()) -> Report:
        """As the command: people of the store, those of the log too."""
        shelf = AudienceStore(self._link, self.store.keys)
        shards = range(self.store.keys.shards)
        people, sample = asyncio.run(choose(shelf, shards, most, seed))
        report = Report()
        for number in range(self.logs.partitions):
            start = starts[number] if starts else 0
            report.add(self.partition(number, sample, start).run(people))
        return report

    def background(self, number: int, most: int, seed: int = 0) -> Report:
        """As a worker does it beside its work."""
        return self.partition(number, Sample(seed, EVERYBODY)).run({}, most)
