"""The learn plane: labelled examples in, snapshots of models out, each example learned once.

What is learned lives in memory and in the last published snapshots. A snapshot holds its place in
the log and, per shard, the last example learned; whoever takes over loads it, reads on from there
and drops what is not newer. A learner that lost the partition without knowing may still publish:
its snapshots are true, only behind, and the next of the owner replaces them.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from afflux.catalog import Catalog
from afflux.names import Identity, ModelName
from models import cluster_log
from models.cluster_log import CLUSTERS, ClusterLog, ClusterSnapshot
from models.commands import Command
from models.contract import Model
from models.history import Entry
from models.learner import Learner, Schedule, slices
from models.learners import Engine
from models.roster import Rules
from models.snapshot import Snapshot, SnapshotError, decode_stored, version_name
from profile_store.contract import ShardStore
from profile_store.errors import StoreError
from profile_store.keys import current_key
from streams.basket_codec import is_basket
from streams.basket_learning import BasketLearning
from streams.deleted_examples import without_deleted
from streams.errors import BrokerUnavailable
from streams.example_codec import ExampleDecoder
from streams.learner_metrics import LearnerMetrics
from streams.metrics import Metrics
from streams.model_commands import places_of_others, read_command
from streams.ports import TP, Delivery, LogRange, StopPartition
from streams.publishing import Publisher
from streams.records import RecordBatch
from streams.topics import TRAINING_EXAMPLES
from streams.updates import DecodeError
from streams.volume_watch import VolumeWatch

log = logging.getLogger("afflux.learn")

_LOG: TP = (TRAINING_EXAMPLES.name, 0)
_SLICE = 256
"""Examples learned at a time, some milliseconds; then the event loop has its turn."""

_FEW = 512
"""Fewer examples than this wait for more, as long as `spacing_s` says."""

_LAST_WORDS_S = 1.0


@dataclass(frozen=True, slots=True)
class LearnStats:
    """What the learner did in this process, and how good the models are."""

    learned: int
    repeats: int
    invalid: int
    unknown_model: int
    unreadable: int
    forgotten: int
    """Of people who were deleted: not learned."""
    snapshots: int
    offset: int
    metrics: Mapping[ModelName, Mapping[str, float]]


class LearnPlane:
    """Implements `streams.ports.Plane` for `training-examples`."""

    def __init__(
        self,
        models: Sequence[Model],
        catalog: Catalog,
        store: ShardStore,
        delivery: Delivery,
        monotonic: Callable[[], float],
        wall_ms: Callable[[], int],
        schedule: Schedule | None = None,
        engine: Engine = "array",
        metrics: LearnerMetrics | None = None,
        rules: Rules | None = None,
        secret: bytes = b"",
        spacing_s: float = 0.0,
        volumes: VolumeWatch | None = None,
        clusters: bool = True,
    ) -> None:
        """rules: of promotion and rollback. secret: of commands; without it none is obeyed.

        spacing_s: so long after the last examples the next few are learned at the earliest. Their
        labels are days old, and each call costs all models the same whatever it brings.
        clusters: whether audience clusters are learned beside the models.
        """
        self._store, self._volumes = store, volumes
        self._monotonic = monotonic
        self._features = catalog.features
        self._decoder = ExampleDecoder(catalog.dimension, catalog.layout)
        self._learner = Learner(
            models, catalog.features, schedule, engine, rules, f"{catalog.layout:016x}",
            clock=time.perf_counter,
        )  # fmt: skip
        self._secret = secret
        self._spacing_s, self._rested_at = spacing_s, -math.inf
        self._clusters = ClusterLog(catalog.models, catalog.features) if clusters else None
        self._metrics = metrics or LearnerMetrics(Metrics())
        self._baskets = BasketLearning(store, delivery, monotonic, wall_ms, self._metrics, _LOG[1])
        self._publisher = Publisher(store, delivery, monotonic, wall_ms, self._metrics, _LOG[1])
        self._lock = asyncio.Lock()
        self._owned = False
        self._unreadable = self._forgotten = 0

    @property
    def topics(self) -> Sequence[str]:
        """The topic of examples."""
        return (TRAINING_EXAMPLES.name,)

    @property
    def stats(self) -> LearnStats:
        """As of now."""
        counts = self._learner.counts
        return LearnStats(
            learned=counts.learned,
            repeats=counts.repeats,
            invalid=counts.invalid,
            unknown_model=self._learner.unknown,
            unreadable=self._unreadable,
            forgotten=self._forgotten,
            snapshots=self._publisher.count,
            offset=self._learner.offset,
            metrics={name: m.metrics() for name, m in self._learner.models.items()},
        )

    async def assigned(self, logs: Mapping[TP, LogRange]) -> dict[TP, int]:
        """Load the current snapshots; where to read on. Raises StoreUnavailable, StopPartition."""
        if set(logs) != {_LOG}:
            raise StopPartition(
                f"{TRAINING_EXAMPLES.name} must have one partition: what a model learns has one "
                "order. `afflux topics describe` shows the partitions"
            )
        async with self._lock:
            here = logs[_LOG]
            snapshots = await self._current()
            try:
                offset = self._learner.restore(snapshots, here.topic_id, here.start, here.end)
                if self._clusters is not None:
                    known = await self._current_clusters()
                    whence = self._clusters.restore(known, here.topic_id, here.start, here.end)
                    offset = min(offset, whence)
                whence = await self._baskets.restore(here.topic_id, here.start, here.end)
                offset = min(offset, whence)
            except SnapshotError as error:
                raise _unusable(error) from error
            self._owned = True
            self._publisher.restored(snapshots)
            self._metrics.assigned(offset, here.end)
        log.info("learning goes on at offset %d, %s", offset, _describe(snapshots))
        return {_LOG: offset}

    async def process(self, records: RecordBatch) -> None:
        """Test on the examples, learn them, obey commands in their place, publish when due."""
        rest_s = self._rested_at - self._monotonic()
        if rest_s > 0 and len(records) < _FEW:
            await asyncio.sleep(rest_s)
        async with self._lock:
            at = 0
            for place in places_of_others(records.values):
                await self._learn(records, at, place)
                self._learner.advance(records.base + place)
                if records.values[place] is None:
                    self._forget(records.keys[place])
                else:
                    await self._obey(records, place)
                at = place + 1
            await self._learn(records, at, len(records))
            self._learner.advance(records.end)
            counts = {name: m.counts for name, m in self._learner.models.items()}
            self._metrics.learned(records.end, counts)
            await self._publish_if_due()
            await self._baskets.publish_if_due(self._learner.offset, self._learner.topic_id)
            self._rested_at = self._monotonic() + self._spacing_s

    async def _learn(self, records: RecordBatch, base: int, end: int) -> None:
        values = records.values[base:end]
        baskets = [value for value in values if value is not None and is_basket(value)]
        lost = gone = 0
        if baskets:
            values = [value for value in values if not is_basket(value)]
            lost, gone = await self._baskets.learn(baskets)
        examples = self._decoder.decode(values)
        if lost := lost + len(values) - len(examples):
            self._skipped(lost)
            log.error(
                "%d of the records %d to %d of %s are no examples of these features: skipped",
                lost, records.base + base, records.base + end - 1, records.topic,
            )  # fmt: skip
        known = await without_deleted(self._store, examples)
        gone += len(examples) - len(known)
        self._metrics.forgotten(gone)
        self._forgotten += gone
        for part in slices(known, _SLICE):
            self._learner.learn(part)
            if self._clusters is not None:
                self._clusters.learn(part)
            await asyncio.sleep(0)
        self._tell_news()

    def _skipped(self, count: int) -> None:
        self._unreadable += count
        self._metrics.unreadable(count)

    def _forget(self, key: bytes | None) -> None:
        """A null value: whoever the key names was deleted, or may not be scored."""
        if key:
            self._learner.forget(Identity(key))
            if self._clusters is not None:
                self._clusters.forget(Identity(key))

    async def _obey(self, records: RecordBatch, place: int) -> None:
        """Carry out the command at this place, and publish what came of it at once."""
        value, offset = records.values[place] or b"", records.base + place
        try:
            command = read_command(self._secret, records.keys[place], value, records.headers[place])
            learner = self._learner.models.get(command.model)
            if learner is None:
                raise DecodeError(f"there is no model {command.model} here")
        except DecodeError as error:
            self._skipped(1)
            log.error("record %d of %s is no command: %s: skipped", offset, records.topic, error)
            return
        stored = await self._stored(command)
        if learner.carry_out(command, lambda _: _opened(stored, command.version)) is not None:
            self._learner.advance(offset + 1)
            self._tell_news()
            await self._publish()
            await self._publisher.tell()

    async def _stored(self, command: Command) -> bytes | None:
        if not command.version:
            return None
        return await self._store.snapshot(command.model, version_name(command.version))

    def _tell_news(self) -> None:
        for name, entry in self._learner.news():
            level = logging.WARNING if _is_bad(entry) else logging.INFO
            log.log(level, "%s: %s, at example %d", name, entry.text, entry.example)

    async def tick(self) -> None:
        """Publish by time."""
        async with self._lock:
            if self._owned:
                await self._publish_if_due()
                await self._baskets.publish_if_due(self._learner.offset, self._learner.topic_id)
                await self._publisher.tell_if_due()
                if self._volumes is not None:
                    await self._volumes.look_if_due()

    async def revoked(self, partitions: Sequence[int]) -> None:
        """Publish what is not published yet if that is quick, then let go."""
        if _LOG[1] in partitions:
            await self._last_words()

    async def close(self) -> None:
        """The same as losing the partition."""
        await self._last_words()

    async def _last_words(self) -> None:
        try:
            async with asyncio.timeout(_LAST_WORDS_S), self._lock:
                if self._owned and self._learner.changed:
                    await self._publish()
                if self._owned:
                    await self._publisher.tell()
                    await self._baskets.last_words(self._learner.offset, self._learner.topic_id)
        except (TimeoutError, StoreError, BrokerUnavailable) as error:
            log.warning("what was learned last is not published (%r); it is learned again", error)
        finally:
            self._owned = False
            self._metrics.released()
            if self._volumes is not None:
                self._volumes.released()

    async def _publish_if_due(self) -> None:
        if self._learner.due(self._monotonic()):
            await self._publish()

    async def _publish(self) -> None:
        snapshots = self._learner.snapshots()
        clusters = None
        if self._clusters is not None:
            clusters = self._clusters.snapshot(self._learner.offset, self._learner.topic_id)
        costs = {name: model.costs for name, model in self._learner.models.items()}
        await self._publisher.publish(snapshots, clusters, costs)
        await self._baskets.beside_models(self._learner.offset, self._learner.topic_id)
        self._learner.published(self._monotonic())

    async def _current_clusters(self) -> ClusterSnapshot | None:
        (version,) = await self._store.current_snapshots([CLUSTERS])
        data = None if version is None else await self._store.snapshot(CLUSTERS, version)
        return None if data is None else cluster_log.decode(data, self._features)

    async def _current(self) -> dict[ModelName, Snapshot]:
        names = list(self._learner.models)
        versions = await self._store.current_snapshots(names)
        found = {}
        for name, version in zip(names, versions, strict=True):
            data = None if version is None else await self._store.snapshot(name, version)
            if version is not None and data is not None:
                try:
                    found[name] = decode_stored(data, version, self._features)
                except SnapshotError as error:
                    raise _unusable(error) from error
            elif version is not None:
                log.error("the store lost snapshot %s of %s: it is learned anew", version, name)
        return found


def _opened(data: bytes | None, version: int) -> Snapshot | None:
    return None if data is None else decode_stored(data, version_name(version))


def _is_bad(entry: Entry) -> bool:
    """Whether somebody should look at it."""
    if entry.kind == "drift":
        return entry.figures["loss_after"] > entry.figures["loss_before"]
    return entry.kind in ("rollback", "refusal")


def _unusable(error: SnapshotError) -> StopPartition:
    keys = current_key("MODEL").decode()
    return StopPartition(
        f"{error}. Nothing was learned or replaced. To start the model anew delete its key {keys} "
        "in the profile store (`redis-cli DEL`); the examples are learned again from the log"
    )


def _describe(snapshots: Mapping[ModelName, Snapshot]) -> str:
    known = ", ".join(f"{name} with {s.examples} examples" for name, s in snapshots.items())
    return known or "from nothing"
