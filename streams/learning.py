"""The learn plane: labelled examples in, snapshots of models out, each example learned once.

What is learned lives in memory and in the last published snapshots. A snapshot holds its place in
the log and, per shard, the last example learned; whoever takes over loads it, reads on from there
and drops what is not newer. A learner that lost the partition without knowing may still publish:
its snapshots are true, only behind, and the next of the owner replaces them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from afflux.catalog import Catalog
from afflux.names import ModelName
from models import cluster_log
from models.cluster_log import CLUSTERS, ClusterLog, ClusterSnapshot
from models.contract import Model
from models.learner import Learner, Schedule, slices
from models.learners import Engine
from models.snapshot import Snapshot, SnapshotError, decode, encode, version_name, version_of
from profile_store.contract import ShardStore
from profile_store.errors import StoreError
from profile_store.keys import current_key, snapshot_key
from streams.encoding import encode_model_update
from streams.errors import BrokerUnavailable
from streams.example_codec import ExampleDecoder
from streams.learner_metrics import LearnerMetrics
from streams.metrics import Metrics
from streams.ports import TP, Delivery, LogRange, Message, StopPartition
from streams.records import RecordBatch
from streams.topics import MODEL_UPDATES, TRAINING_EXAMPLES

log = logging.getLogger("afflux.learn")

_LOG: TP = (TRAINING_EXAMPLES.name, 0)
_SLICE = 128
"""Examples learned at a time, about a millisecond; then the event loop has its turn."""

_LAST_WORDS_S = 1.0


@dataclass(frozen=True, slots=True)
class LearnStats:
    """What the learner did in this process, and how good the models are."""

    learned: int
    repeats: int
    invalid: int
    unknown_model: int
    unreadable: int
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
    ) -> None:
        self._store = store
        self._delivery = delivery
        self._monotonic = monotonic
        self._wall_ms = wall_ms
        self._features = catalog.features
        self._decoder = ExampleDecoder(catalog.dimension, catalog.layout)
        self._learner = Learner(models, catalog.features, schedule, engine)
        self._clusters = ClusterLog(catalog.models, catalog.features)
        self._metrics = metrics or LearnerMetrics(Metrics())
        self._lock = asyncio.Lock()
        self._owned = False
        self._unreadable = self._snapshots = 0

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
            snapshots=self._snapshots,
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
                clusters = await self._current_clusters()
                offset = min(
                    offset,
                    self._clusters.restore(clusters, here.topic_id, here.start, here.end),
                )
            except SnapshotError as error:
                raise _unusable(error) from error
            self._owned = True
            self._metrics.assigned(offset, here.end)
        log.info("learning goes on at offset %d, %s", offset, _describe(snapshots))
        return {_LOG: offset}

    async def process(self, records: RecordBatch) -> None:
        """Test on the examples, learn them, publish when it is time."""
        async with self._lock:
            examples = self._decoder.decode(records.values)
            if lost := len(records) - len(examples):
                self._unreadable += lost
                self._metrics.unreadable(lost)
                log.error(
                    "%d of the records %d to %d of %s are no examples of these features: skipped",
                    lost, records.base, records.end - 1, records.topic,
                )  # fmt: skip
            for part in slices(examples, _SLICE):
                self._learner.learn(part)
                self._clusters.learn(part)
                await asyncio.sleep(0)
            self._learner.advance(records.end)
            counts = {name: m.counts for name, m in self._learner.models.items()}
            self._metrics.learned(records.end, counts)
            await self._publish_if_due()

    async def tick(self) -> None:
        """Publish by time."""
        async with self._lock:
            if self._owned:
                await self._publish_if_due()

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
        except (TimeoutError, StoreError, BrokerUnavailable) as error:
            log.warning("what was learned last is not published (%r); it is learned again", error)
        finally:
            self._owned = False
            self._metrics.released()

    async def _publish_if_due(self) -> None:
        if self._learner.due(self._monotonic()):
            await self._publish()

    async def _publish(self) -> None:
        """Snapshots to the store first, so that whoever hears of one can read it."""
        news, snapshots = [], self._learner.snapshots()
        for snapshot in snapshots:
            data = encode(snapshot)
            version = version_of(data)
            await self._store.put_snapshot(snapshot.model, version_name(version), data)
            news.append(self._news(snapshot, version))
        news.append(await self._publish_clusters())
        self._learner.published(self._monotonic())
        self._snapshots += len(snapshots)
        self._metrics.published(snapshots)
        await self._delivery.send(news)

    async def _publish_clusters(self) -> Message:
        snapshot = self._clusters.snapshot(self._learner.offset, self._learner.topic_id)
        data = cluster_log.encode(snapshot)
        version = version_of(data)
        await self._store.put_snapshot(CLUSTERS, version_name(version), data)
        key = snapshot_key(CLUSTERS, version_name(version))
        value = encode_model_update(
            CLUSTERS,
            version,
            snapshot.openings,
            snapshot.metrics,
            key.decode(),
            {_LOG[1]: snapshot.offset},
            snapshot.clustering is not None,
            self._wall_ms(),
        )
        return Message(MODEL_UPDATES.name, CLUSTERS.encode(), value)

    async def _current_clusters(self) -> ClusterSnapshot | None:
        (version,) = await self._store.current_snapshots([CLUSTERS])
        data = None if version is None else await self._store.snapshot(CLUSTERS, version)
        return None if data is None else cluster_log.decode(data, self._features)

    def _news(self, snapshot: Snapshot, version: int) -> Message:
        key = snapshot_key(snapshot.model, version_name(version))
        value = encode_model_update(
            snapshot.model,
            version,
            snapshot.examples,
            snapshot.metrics,
            key.decode(),
            {_LOG[1]: snapshot.offset},
            snapshot.trusted,
            self._wall_ms(),
        )
        return Message(MODEL_UPDATES.name, snapshot.model.encode(), value)

    async def _current(self) -> dict[ModelName, Snapshot]:
        names = list(self._learner.models)
        versions = await self._store.current_snapshots(names)
        found = {}
        for name, version in zip(names, versions, strict=True):
            data = None if version is None else await self._store.snapshot(name, version)
            if data is not None:
                try:
                    found[name] = decode(data, self._features)
                except SnapshotError as error:
                    raise _unusable(error) from error
            elif version is not None:
                log.error("the store lost snapshot %s of %s: it is learned anew", version, name)
        return found


def _unusable(error: SnapshotError) -> StopPartition:
    keys = current_key("MODEL").decode()
    return StopPartition(
        f"{error}. Nothing was learned or replaced. To start the model anew delete its key {keys} "
        "in the profile store (`redis-cli DEL`); the examples are learned again from the log"
    )


def _describe(snapshots: Mapping[ModelName, Snapshot]) -> str:
    known = ", ".join(f"{name} with {s.examples} examples" for name, s in snapshots.items())
    return known or "from nothing"
