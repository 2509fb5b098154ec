"""Publishes what was learned: snapshots for scorers at once, figures for people in their time.

Figures of all models cost several times what their snapshots do, and a learner that catches up
takes snapshots many times a second. So how good the models are is computed and announced at most
once in `TELL_S`, and once more for the last snapshots.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from afflux.limits import DAY_MS
from afflux.names import ModelName
from models import cluster_log
from models.cluster_log import CLUSTERS, ClusterSnapshot
from models.figures import figures_of
from models.snapshot import Snapshot, encode, version_name, version_of
from profile_store.contract import ShardStore
from streams.learner_metrics import LearnerMetrics
from streams.model_news import about, clusters_update, model_update
from streams.ports import Delivery, Message
from streams.topics import MODEL_UPDATES

TELL_S = 1.0

Costs = Mapping[ModelName, Mapping[str, float]]
"""Of each model's recipes, µs an example."""


class Publisher:
    """To the store and to `model-updates`; partition: of the log of examples."""

    def __init__(
        self,
        store: ShardStore,
        delivery: Delivery,
        monotonic: Callable[[], float],
        wall_ms: Callable[[], int],
        metrics: LearnerMetrics,
        partition: int,
    ) -> None:
        self._store, self._delivery = store, delivery
        self._monotonic, self._wall_ms = monotonic, wall_ms
        self._metrics, self._partition = metrics, partition
        self._last: dict[ModelName, Snapshot] = {}
        self._untold: dict[ModelName, tuple[Snapshot, int]] = {}
        self._untold_clusters: tuple[ClusterSnapshot, int] | None = None
        self._costs: Costs = {}
        self._told_at = -math.inf
        self.count = 0
        """Snapshots of models that were published."""

    def restored(self, snapshots: Mapping[ModelName, Snapshot]) -> None:
        """These are in the store by now, whoever has published them."""
        self._last = dict(snapshots)
        self._untold.clear()
        self._untold_clusters = None

    async def publish(
        self, snapshots: Sequence[Snapshot], clusters: ClusterSnapshot | None, costs: Costs
    ) -> None:
        """Snapshots to the store; news of them where it is time, so whoever hears can read."""
        now, self._costs = self._wall_ms(), costs
        for snapshot in snapshots:
            name, data = snapshot.model, encode(snapshot)
            version = version_of(data)
            keep = _is_milestone(self._last.get(name), snapshot)
            said = about(snapshot, now, costs[name])
            await self._store.put_snapshot(name, version_name(version), data, said, keep)
            self._last[name] = snapshot
            self._untold[name] = snapshot, version
        if clusters is not None:
            data = cluster_log.encode(clusters)
            await self._store.put_snapshot(CLUSTERS, version_name(version_of(data)), data)
            self._untold_clusters = clusters, version_of(data)
        self.count += len(snapshots)
        self._metrics.published(snapshots)
        await self.tell_if_due()

    async def tell_if_due(self) -> None:
        """Announce what is not announced yet, unless the last time was just now."""
        if self._monotonic() >= self._told_at + TELL_S:
            await self.tell()

    async def tell(self) -> None:
        """Announce what is not announced yet, with figures."""
        if not self._untold:
            return
        news, now = [], self._wall_ms()
        for name, (snapshot, version) in self._untold.items():
            figures = figures_of(snapshot)
            self._metrics.told(snapshot, figures, self._costs[name])
            value = model_update(snapshot, figures, version, self._partition, now)
            news.append(Message(MODEL_UPDATES.name, name.encode(), value))
        if self._untold_clusters is not None:
            value = clusters_update(*self._untold_clusters, self._partition, now)
            news.append(Message(MODEL_UPDATES.name, CLUSTERS.encode(), value))
        await self._delivery.send(news)
        self._untold.clear()
        self._untold_clusters = None
        self._told_at = self._monotonic()


def _is_milestone(before: Snapshot | None, now: Snapshot) -> bool:
    """Whether a snapshot is kept for longer: the first, the first of a day, and turning points."""
    if before is None or before.time // DAY_MS != now.time // DAY_MS:
        return True
    return before.history != now.history
