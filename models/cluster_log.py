"""Clusters and their place in the log of examples: what the learner plane drives and publishes.

All models have examples of the same openings, with the same vectors. The clusters take those of
one model, the one that asks least of people and closes first, so each opening counts once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from afflux.clusters import Clustering
from afflux.examples import ExampleColumns, ExampleKey
from afflux.names import Identity, ModelName
from afflux.outcomes import ModelSpec
from afflux.shards import murmur2
from models.clusters import FEATURES, ClusterLearner
from models.contract import Arrays
from models.envelope import SnapshotError, open_sealed, seal, version_name, version_of
from models.known_examples import without_name

CLUSTERS = ModelName("clusters")
"""Under this name their snapshots are stored and announced, beside those of the models."""


@dataclass(frozen=True, slots=True)
class ClusterSnapshot:
    """All that is known of the clusters, as of a place in the log."""

    features: tuple[str, ...]
    source: ModelName
    """Whose examples they are learned from."""
    offset: int
    topic_id: bytes
    last: dict[int, ExampleKey]
    """Shard -> the last example learned."""
    sizes: tuple[int, ...]
    """About how many people each cluster has."""
    descriptions: tuple[str, ...]
    openings: int
    memory: Arrays

    @property
    def clustering(self) -> Clustering | None:
        """What scorers assign with; None before there are clusters."""
        return self._learner().clustering

    @property
    def metrics(self) -> dict[str, float]:
        """How many there are, and how well they are apart; computed when asked for."""
        return self._learner().metrics()

    def _learner(self) -> ClusterLearner:
        learner = ClusterLearner(self.features)
        learner.load(self.memory)
        return learner

    def habits_of(self, identity: Identity) -> dict[str, float] | None:
        """What is kept of one identity in the sample of people, under its hash; None: nothing."""
        learner = ClusterLearner(self.features)
        learner.load(self.memory)
        return learner.habits_of(_hash(identity))

    @property
    def ids(self) -> list[int]:
        """Of the clusters, in the order of sizes and descriptions."""
        ids: list[int] = self.memory["ids"].tolist()
        return ids


def encode(snapshot: ClusterSnapshot) -> bytes:
    """The bytes; the same for the same content."""
    facts = {
        "model": CLUSTERS,
        "features": list(snapshot.features),
        "used": list(FEATURES),
        "source": snapshot.source,
        "offset": snapshot.offset,
        "topic_id": snapshot.topic_id.hex(),
        "last": [[s, d, who.hex(), m] for s, (d, who, m) in sorted(snapshot.last.items())],
        "sizes": list(snapshot.sizes),
        "descriptions": list(snapshot.descriptions),
        "openings": snapshot.openings,
    }
    return seal(facts, snapshot.memory)


def decode(data: bytes, features: Sequence[str] | None = None) -> ClusterSnapshot:
    """The snapshot. Raises SnapshotError when it is none of clusters of these features."""
    facts, arrays = open_sealed(data)
    try:
        if facts["model"] != CLUSTERS or tuple(facts["used"]) != FEATURES:
            raise SnapshotError(
                f"a snapshot of {facts['model']} over {', '.join(map(str, facts['used']))}; wanted "
                f"clusters over {', '.join(FEATURES)}"
            )
        snapshot = ClusterSnapshot(
            features=tuple(facts["features"]),
            source=ModelName(facts["source"]),
            offset=int(facts["offset"]),
            topic_id=bytes.fromhex(facts["topic_id"]),
            last={s: (d, bytes.fromhex(who), m) for s, d, who, m in facts["last"]},
            sizes=tuple(facts["sizes"]),
            descriptions=tuple(facts["descriptions"]),
            openings=int(facts["openings"]),
            memory=arrays,
        )
        _check(snapshot)
    except (ValueError, KeyError, TypeError) as error:
        raise SnapshotError(f"a snapshot of clusters lacks {error} or has it wrong") from None
    if features is not None and snapshot.features != tuple(features):
        raise SnapshotError("the clusters were learned from other features; they start anew")
    return snapshot


def _check(snapshot: ClusterSnapshot) -> None:
    ids, centroids = snapshot.memory["ids"], snapshot.memory["centroids"]
    scale = snapshot.memory["scale"]
    k, c = len(ids), len(FEATURES)
    if centroids.shape != (k, c) or scale.shape != (c,) or len(np.unique(ids)) < k:
        raise SnapshotError("a snapshot of clusters: its arrays do not fit each other")
    if not (np.isfinite(centroids).all() and np.isfinite(scale).all() and (scale > 0).all()):
        raise SnapshotError("a snapshot of clusters: not all of its numbers are finite")
    if (ids <= 0).any() or len(snapshot.sizes) != k or len(snapshot.descriptions) != k:
        raise SnapshotError("a snapshot of clusters: not every cluster has an id and a description")


def source_of(models: Sequence[ModelSpec]) -> ModelName:
    """Of which model the examples are taken.

    >>> from models import default_models
    >>> source_of(default_models())
    'engagement'
    """
    return min(models, key=_demand).name


def _demand(model: ModelSpec) -> tuple[float, bool, int, str]:
    """Anything that is counted is an event, so events are the least to ask for."""
    asks = model.eligible
    return asks.at_least, asks.channel != "events", model.outcome.deadline_ms, model.name


class ClusterLog:
    """Learns the clusters from the log of examples, each opening once."""

    def __init__(self, models: Sequence[ModelSpec], features: Sequence[str]) -> None:
        self._features = tuple(features)
        self._source = source_of(models)
        self._last: dict[int, ExampleKey] = {}
        self._learner = ClusterLearner(self._features)

    def restore(
        self, snapshot: ClusterSnapshot | None, topic_id: bytes, start: int, end: int
    ) -> int:
        """Go on from there, or from nothing; the offset of the log [start, end) to read on from.

        A snapshot that was learned from the examples of another model goes on with its clusters.
        """
        self._last, self._learner = {}, ClusterLearner(self._features)
        if snapshot is None:
            return start
        self._learner.load(snapshot.memory)
        if snapshot.source == self._source:
            self._last = dict(snapshot.last)
        known = snapshot.topic_id == topic_id and snapshot.offset <= end
        return max(start, snapshot.offset) if known else start

    def learn(self, examples: ExampleColumns) -> None:
        """Those of the source that are not known yet."""
        fresh = []
        for i, name in enumerate(examples.models):
            if name == self._source:
                shard, key = int(examples.shard[i]), examples.key(i)
                last = self._last.get(shard)
                if last is None or key > last:
                    self._last[shard] = key
                    fresh.append(i)
        if not fresh:
            return
        at = np.array(fresh)
        vectors = examples.vector[at]
        sound = np.isfinite(vectors).all(axis=1)
        at, vectors = at[sound], vectors[sound]
        hashes = murmur2([examples.identities[i] for i in at.tolist()]).astype(np.int64)
        self._learner.learn(hashes, vectors, examples.open_ts[at])

    def forget(self, identity: Identity) -> None:
        """Somebody was deleted, or may not be scored: nothing of them stays, nor their name."""
        self._learner.forget(_hash(identity))
        self._last = without_name(self._last, identity)

    def snapshot(self, offset: int, topic_id: bytes) -> ClusterSnapshot:
        """All that it knows, as of this place in the log."""
        learner = self._learner
        return ClusterSnapshot(
            features=self._features,
            source=self._source,
            offset=offset,
            topic_id=topic_id,
            last=dict(self._last),
            sizes=tuple(learner.sizes()),
            descriptions=tuple(learner.descriptions()),
            openings=learner.openings,
            memory=learner.state(),
        )


def _hash(identity: Identity) -> int:
    return int(murmur2([identity])[0])


def described(snapshot: ClusterSnapshot | None, data: bytes | None) -> dict[str, Any]:
    """What people and programs are shown of it; None before the first snapshot.

    >>> described(None, None)
    {'version': None, 'openings': 0, 'metrics': {}, 'clusters': []}
    """
    if snapshot is None or data is None:
        return {"version": None, "openings": 0, "metrics": {}, "clusters": []}
    each = zip(snapshot.ids, snapshot.descriptions, snapshot.sizes, strict=True)
    return {
        "version": version_name(version_of(data)),
        "openings": snapshot.openings,
        "metrics": dict(snapshot.metrics),
        "clusters": [{"id": i, "description": d, "people": n} for i, d, n in each],
    }
