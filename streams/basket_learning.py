"""Recommenders in the learn plane: baskets of the log in, snapshots and figures out."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence

from models import basket_log
from models.basket_log import BasketLog, BasketSnapshot
from models.envelope import version_name, version_of
from models.next_basket import RECOMMENDERS
from profile_store.contract import ShardStore
from profile_store.keys import snapshot_key
from streams.basket_codec import BasketDecoder
from streams.deleted_examples import outlived
from streams.encoding import encode_model_update
from streams.learner_metrics import LearnerMetrics
from streams.ports import Delivery, Message
from streams.topics import MODEL_UPDATES

log = logging.getLogger("afflux.learn")

_EVERY_S = 5.0
"""So long after the last snapshots newer ones are published, if baskets came."""

_WITHOUT_S = 300.0
"""And so long after them, if none came: whoever takes over need not read all of the log again."""


class BasketLearning:
    """Drives the recommenders of `models/next_basket.py`. Not for several tasks at a time."""

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
        self._decoder = BasketDecoder()
        self._logs = [BasketLog(recommender) for recommender in RECOMMENDERS]
        self._published_at = -math.inf
        self._published = 0
        self._changed = False

    async def restore(self, topic_id: bytes, start: int, end: int) -> int:
        """Load the snapshots in the store; the offset of the log [start, end) to read on from.

        Raises StoreUnavailable, SnapshotError.
        """
        self._changed = False
        names = [each.recommender.name for each in self._logs]
        offsets = []
        versions = await self._store.current_snapshots(names)
        for each, version in zip(self._logs, versions, strict=True):
            name = each.recommender.name
            data = None if version is None else await self._store.snapshot(name, version)
            snapshot = None if data is None else basket_log.decode(data)
            offsets.append(each.restore(snapshot, topic_id, start, end))
        self._published = min(offsets)
        return self._published

    async def learn(self, values: Sequence[bytes]) -> tuple[int, int]:
        """Learn these records; how many could not be read, and how many are of deleted people."""
        unreadable, forgotten = len(values), 0
        for part in self._decoder.decode(values):
            alive = await outlived(
                self._store, part.shard.tolist(), part.identities, part.timestamp
            )
            unreadable -= len(part)
            forgotten += len(part) - int(alive.sum())
            for each in self._logs:
                each.learn(part, alive)
            self._changed = True
        return unreadable, forgotten

    async def beside_models(self, offset: int, topic_id: bytes) -> None:
        """Models are published: where there are no baskets at all, keep the place with theirs."""
        if self._changed or any(each.learned for each in self._logs):
            await self.publish_if_due(offset, topic_id)
            return
        for each in self._logs:
            await self._put(each.snapshot(offset, topic_id))
        self._published = offset

    async def publish_if_due(self, offset: int, topic_id: bytes) -> None:
        """Publish what was learned since the last time, unless that was just now."""
        rest_s = _EVERY_S if self._changed else _WITHOUT_S
        if offset > self._published and self._monotonic() >= self._published_at + rest_s:
            await self._publish(offset, topic_id)

    async def last_words(self, offset: int, topic_id: bytes) -> None:
        """Publish what is not published yet."""
        if self._changed:
            await self._publish(offset, topic_id)

    async def _publish(self, offset: int, topic_id: bytes) -> None:
        """Snapshots to the store, then the news of them."""
        news = []
        for each in self._logs:
            snapshot = each.snapshot(offset, topic_id)
            name, version = each.recommender.name, await self._put(snapshot)
            figures = snapshot.metrics
            self._metrics.recommender(name, each.learned, figures)
            value = _update(snapshot, version, figures, self._partition, self._wall_ms())
            news.append(Message(MODEL_UPDATES.name, name.encode(), value))
        await self._delivery.send(news)
        self._changed, self._published = False, offset
        self._published_at = self._monotonic()

    async def _put(self, snapshot: BasketSnapshot) -> str:
        """Store it; its version."""
        data = basket_log.encode(snapshot)
        version = version_name(version_of(data))
        await self._store.put_snapshot(snapshot.recommender.name, version, data)
        return version


def _update(
    snapshot: BasketSnapshot,
    version: str,
    figures: dict[str, float],
    partition: int,
    published_at: int,
) -> bytes:
    name = snapshot.recommender.name
    return encode_model_update(
        {
            "model": name,
            "version": version,
            "examples": snapshot.learner.baskets,
            "metrics": figures,
            "snapshot": snapshot_key(name, version).decode(),
            "offsets": {str(partition): snapshot.offset},
            "trusted": snapshot.learner.baskets > 0,
            "publishedAt": published_at,
        }
    )
