"""The enrich plane: owns partitions, folds their records, keeps what it promises.

The life of a batch: align it with the head of its log, wait for the learner if it is too far
behind, decode, send dead letters, then advance the shards (fetch, step, commit, announce), together
with what other partitions have ready.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from afflux.catalog import Catalog
from afflux.columns import empty_events
from afflux.datasets import Declaration
from afflux.names import AffluxError, Identity
from afflux.outcome import Batch
from afflux.position import FENCE
from afflux.scoring import Scorer
from profile_store.contract import ShardStore
from streams.abandoned import abandon
from streams.bad_share import BadShare
from streams.decoding import BadRecord, Decoder
from streams.encoding import encode_control, encode_training_examples
from streams.enrich.advance import Advancer, LostRace
from streams.enrich.announce import Announcer
from streams.enrich.attributes import AttributeFolder
from streams.enrich.audience_last_word import AudienceLastWord
from streams.enrich.audiences import AudienceStage, NoAudiences, RuleSource
from streams.enrich.commits import CommitPlanner
from streams.enrich.cut import cut
from streams.enrich.feeds import BuiltInDatasets, DatasetSource, Feeds
from streams.enrich.fetch import RowFetcher
from streams.enrich.idle_ticks import IdleTicks
from streams.enrich.last_word import LastWord
from streams.enrich.learner_gate import LearnedOffset, LearnerGate
from streams.enrich.partition import Head, OwnedPartition
from streams.enrich.settings import EnrichSettings
from streams.enrich.shared_identities import SharedIdentities
from streams.enrich.sweep import PeopleStore, Sweep
from streams.enrich.switch import without_events, without_records
from streams.enrich.takeover import TakeOver, seeks
from streams.enrich.together import Job, Together
from streams.enrich.touched import touched
from streams.enrich.work import Work
from streams.metrics import Metrics
from streams.ports import TP, Delivery, LogRange, Rewind, StopPartition
from streams.records import RecordBatch

log = logging.getLogger("afflux.enrich")


class DeadLetterSink(Protocol):
    """Where bad records go before the batch is committed."""

    async def send(self, records: RecordBatch, bad: Sequence[BadRecord]) -> None:
        """Returns when every dead letter is acknowledged."""
        ...


class ScorerSource(LearnedOffset, Protocol):
    """The snapshots that scores come from."""

    @property
    def current(self) -> Scorer:
        """Scorer over the newest snapshots, untrained ones before the first."""
        ...


_RACE_PAUSE_S = 0.2
_LATE_S = 0.5


class EnrichPlane:
    """Implements `streams.ports.Plane` for the input topics."""

    def __init__(
        self,
        settings: EnrichSettings,
        catalog: Catalog,
        store: ShardStore,
        delivery: Delivery,
        decoder: Decoder,
        dead_letters: DeadLetterSink,
        scorers: ScorerSource,
        nonce: bytes,
        monotonic: Callable[[], float],
        wall_ms: Callable[[], int],
        metrics: Metrics | None = None,
        audiences: RuleSource | None = None,
        people: PeopleStore | None = None,
        datasets: DatasetSource | None = None,
    ) -> None:
        self._settings = settings
        self._store = store
        self._delivery = delivery
        self._decoder = decoder
        self._scorers = scorers
        self._monotonic = monotonic
        self._wall_ms = wall_ms
        self._announcer = Announcer(catalog, delivery, settings.secret, settings.partitions)
        planner = CommitPlanner(
            catalog, encode_training_examples, encode_control, nonce, settings.timelines.events
        )
        fetcher = RowFetcher(store, catalog, settings.shards)
        self._rules = audiences or NoAudiences()
        of_audiences = AudienceLastWord(store, fetcher, self._announcer, self._rules)
        self._last_word = LastWord(
            store, catalog, fetcher, self._announcer, monotonic, of_audiences
        )
        self._feeds = Feeds(datasets or BuiltInDatasets())
        self._takeover = TakeOver(
            store, self._feeds, catalog, self._last_word, nonce, monotonic, wall_ms
        )
        stage = AudienceStage(catalog, self._rules, self._feeds, settings.expiry.membership_ms)
        self._advancer = Advancer(
            store, catalog, planner, fetcher, self._last_word,
            settings.shards, settings.commit_rows, settings.step,
            SharedIdentities(metrics or Metrics()), stage, self._feeds,
        )  # fmt: skip
        self._ticks = IdleTicks(
            settings.idle_tick_s, delivery, self._announcer, self._rules, monotonic, wall_ms
        )
        self._sweep = (
            Sweep(people, self._rules, self._ask, settings.commit_rows, monotonic)
            if people is not None
            else None
        )
        self._together = Together(self._fold_events, settings.spacing_ms / 1000, monotonic)
        self._attributes = AttributeFolder(store, catalog, settings.shards, nonce, stage)
        self._gate = LearnerGate(
            scorers, settings.learner_lag, settings.learner_patience_s, monotonic
        )
        self._bad_share = BadShare(settings.bad_share, settings.bad_window)
        self._dead_letters = dead_letters
        self._parts: dict[int, OwnedPartition] = {}
        self._late: set[asyncio.Task[None]] = set()
        """Announcements of partitions that went away before the acks came."""
        self._logs: dict[TP, LogRange] = {}

    @property
    def topics(self) -> Sequence[str]:
        """Input topics, co-partitioned."""
        return self._feeds.topics

    async def assigned(self, logs: Mapping[TP, LogRange]) -> dict[TP, int]:
        """Take over: fence the shards, announce what their last owner left, say where to go on.

        Raises StoreUnavailable, StopPartition.
        """
        await self._scorers.refresh()
        await self._rules.refresh()
        self._logs.update(logs)
        if not self._parts:
            self._feeds.adopt({topic for topic, _ in logs})
        found: dict[TP, int] = {}
        for number in sorted({p for _, p in logs}):
            part = self._parts.get(number) or self._new_part(number)
            async with part.lock:
                self._leave_announcing(part)
                await self._takeover.take(part, self._logs)
                self._parts[number] = part
            found |= {tp: o for tp, o in seeks(part, self._feeds).items() if tp in logs}
        if self._sweep is not None:
            self._sweep.forget()
        return found

    def _new_part(self, number: int) -> OwnedPartition:
        shards = tuple(range(number, self._settings.shards, self._settings.partitions))
        return OwnedPartition(number, shards)

    async def revoked(self, partitions: Sequence[int]) -> None:
        """Wait for the batch at work, drop the rest: the next owner announces from the outbox."""
        for number in partitions:
            part = self._parts.pop(number, None)
            if part is not None:
                async with part.lock:
                    self._leave_announcing(part)
        if self._late:
            await asyncio.wait(self._late, timeout=_LATE_S)

    def _leave_announcing(self, part: OwnedPartition) -> None:
        """What is with the producer cannot be called back: it ends on its own."""
        task, part.announcing = part.announcing, None
        if task is not None:
            self._late.add(task)
            task.add_done_callback(self._came_late)

    def _came_late(self, task: asyncio.Task[None]) -> None:
        self._late.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.warning("an announcement was left to the next owner: %s", task.exception())

    async def close(self) -> None:
        """Finish announcing what is committed."""
        for part in list(self._parts.values()):
            async with part.lock:
                await part.announced()
        if self._late:
            await asyncio.wait(self._late, timeout=_LATE_S)
        await self._last_word.close()

    async def process(self, records: RecordBatch) -> None:
        """Fold one batch and commit it; its announcement may still be under way on return.

        Raises Rewind, StopPartition, StoreUnavailable.
        """
        part = self._parts.get(records.partition)
        if part is None:
            return  # revoked meanwhile; the new owner reads these records
        async with part.lock:
            if self._parts.get(records.partition) is not part:
                return
            dataset = self._feeds.of(records.topic)
            head = part.heads[dataset.number]
            if records.end <= head.offset:
                return
            if records.base > head.offset:
                raise Rewind(
                    {(records.topic, part.number): head.offset},
                    f"{records.topic}[{part.number}]: records {head.offset} to {records.base} "
                    "were not read",
                )
            try:
                if dataset.number == 0:
                    await self._gate.wait(self._announcer.examples_end)
                    await self._together.fold(part, records)
                else:
                    await self._fold_attributes(part, dataset, records)
            except LostRace as race:
                await self._rewind(part, race)

    async def _fold_events(self, jobs: Sequence[Job]) -> None:
        """Decode, then advance all partitions in one go; each job ends on its own."""
        works: list[tuple[Job, Work]] = []
        dead: list[tuple[RecordBatch, Sequence[BadRecord]]] = []
        decoded = self._decoder.events_of([job.records for job in jobs])
        enabled = self._feeds.of(jobs[0].records.topic).enabled
        for job, (batch, bad) in zip(jobs, decoded, strict=True):
            head = job.part.heads[0]
            batch = cut(batch, head.offset, batch.end)
            bad = [b for b in bad if b.offset >= head.offset]
            self._watch_share(len(job.records), bad)
            if bad:
                dead.append((job.records, bad))
            if not enabled:
                batch = without_events(batch, self._settings.shards)
            shards = touched(
                job.part, batch, self._settings.shards, ask=self._rules.current is not None
            )
            works.append((job, self._advancer.work(job.part, batch, head.watermark, shards)))
        await self._advance(works, dead)

    async def _advance(
        self,
        works: Sequence[tuple[Job, Work]],
        dead: Sequence[tuple[RecordBatch, Sequence[BadRecord]]],
    ) -> None:
        letters = asyncio.gather(*(self._dead_letters.send(*each) for each in dead))
        try:
            lost = await self._advancer.advance_together(
                [work for _, work in works], self._scorer, letters if dead else None
            )
        except LostRace as race:
            # Found before anything was written; whose shard it is shows when each goes alone.
            await letters
            if len(works) == 1:
                works[0][0].fail(race)
            else:
                for alone in works:
                    await self._advance([alone], [])
        else:
            for job, work in works:
                if job.part.number in lost:
                    job.fail(lost[job.part.number])
                else:
                    self._passed(job, work)
        finally:
            abandon(letters)

    def _passed(self, job: Job, work: Work) -> None:
        records, head = job.records, job.part.heads[0]
        append_time = int(records.timestamps[-1]) if len(records) else head.append_time
        job.part.heads[0] = Head(work.batch.end, work.end, append_time, self._monotonic())
        job.succeed()

    async def _fold_attributes(
        self, part: OwnedPartition, dataset: Declaration, records: RecordBatch
    ) -> None:
        head = part.heads[dataset.number]
        fields = self._feeds.fields(dataset)
        batch, bad = self._decoder.attributes(records, dataset.number, fields, dataset.contract)
        bad = [b for b in bad if b.offset >= head.offset]
        self._watch_share(len(records), bad)
        await self._dead_letters.send(records, bad)
        if not dataset.enabled:
            batch = without_records(batch, self._settings.shards)
        await self._attributes.fold(part, dataset, batch)
        part.heads[dataset.number] = replace(head, offset=batch.end)

    @property
    def _scorer(self) -> Scorer:
        return self._scorers.current

    def _watch_share(self, records: int, bad: Sequence[BadRecord]) -> None:
        if self._bad_share.add(records, len(bad)):
            raise StopPartition(
                f"{self._bad_share.describe()}; the last one is {bad[-1].code.name} at offset "
                f"{bad[-1].offset} ({bad[-1].message}). Nothing was skipped: look at "
                "`afflux dlq list`, mend the producer, then start the worker again; to let the "
                "records through to the dead-letter topic raise AFFLUX_LIMITS_BAD_SHARE."
            )

    # --- once a second ---------------------------------------------------------------------

    async def tick(self) -> None:
        """Advance untouched shards, notice an older or foreign store, tick idle partitions."""
        await self._feeds.refresh()
        await self._scorers.refresh()
        await self._rules.refresh()
        for part in list(self._parts.values()):
            async with part.lock:
                if self._parts.get(part.number) is not part:
                    continue  # revoked meanwhile
                try:
                    await self._check_announced(part)
                    await self._check_store(part)
                    await self._advance_untouched(part)
                except LostRace as race:
                    await self._rewind(part, race)
                await self._ticks.tick_if_idle(part)
        if self._sweep is not None:
            await self._sweep.turn(self._parts)

    async def _ask(
        self,
        part: OwnedPartition,
        people: Sequence[tuple[int, Identity]],
        swept: Mapping[int, bytes],
    ) -> None:
        """Ask these about audiences, unless the partition is another's by now."""
        async with part.lock:
            if self._parts.get(part.number) is not part:
                return
            try:
                await self._advancer.ask(part, part.heads[0], people, swept, self._scorer)
            except LostRace as race:
                await self._rewind(part, race)

    async def _check_announced(self, part: OwnedPartition) -> None:
        """An announcement that failed while nothing followed it is made again from the outbox."""
        if part.announcing is not None and part.announcing.done():
            try:
                await part.announced()
            except AffluxError as error:
                raise LostRace(f"an announcement failed ({error})") from error

    async def _check_store(self, part: OwnedPartition) -> None:
        stored = await self._store.positions(part.shards)
        for shard, data in zip(part.shards, stored, strict=True):
            if data[:FENCE] != part.fence(shard):
                raise LostRace(f"shard {shard} of the store is not as this worker left it")

    async def _advance_untouched(self, part: OwnedPartition) -> None:
        events = part.heads[0]
        # Also shards that are at the head already, where a crash has cut a wave of deadlines.
        due = {s for s in part.shards if part.may_be_due(s, events.watermark.value)}
        lagging = sorted(due.union(part.turn(0)))
        if lagging:
            here = Batch(0, events.offset, events.offset, empty_events())
            work = self._advancer.work(part, here, events.watermark, lagging)
            await self._advancer.advance(work, self._scorer)
        for dataset in self._feeds.read:
            head = part.heads[dataset.number]
            if dataset.number and (untouched := part.turn(dataset.number)):
                await self._attributes.advance(part, dataset, untouched, head.offset)
        part.turns += 1

    async def _rewind(self, part: OwnedPartition, race: LostRace) -> None:
        """Read positions again and go back to them; this owner's own commits are announced."""
        log.warning("%s; reading positions again", race)
        await asyncio.sleep(_RACE_PAUSE_S)
        before = seeks(part, self._feeds)
        if self._sweep is not None:
            self._sweep.forget()
        await self._takeover.go_back(part, self._logs)
        after = seeks(part, self._feeds)
        raise Rewind(after, f"partition {part.number}: rewound from {before} to {after}: {race}")
