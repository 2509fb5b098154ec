"""What is said of a snapshot: on `model-updates`, and in the registry of the store."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from models.cluster_log import CLUSTERS, ClusterSnapshot
from models.figures import Figures
from models.snapshot import Snapshot, version_name
from profile_store.keys import snapshot_key
from streams.encoding import encode_model_update

_ENTRIES = 8


def model_update(
    snapshot: Snapshot, figures: Figures, version: int, partition: int, published_at: int
) -> bytes:
    """The value of `model-updates`; published_at in ms since epoch."""
    name = version_name(version)
    return encode_model_update(
        {
            "model": snapshot.model,
            "version": name,
            "examples": snapshot.examples,
            "metrics": dict(figures.metrics),
            "snapshot": snapshot_key(snapshot.model, name).decode(),
            "offsets": {str(partition): snapshot.offset},
            "trusted": snapshot.trusted,
            "publishedAt": published_at,
            "champion": snapshot.champion,
            "featureSet": snapshot.feature_set,
            "drifts": snapshot.drifts[0],
            "entries": [entry.as_json() for entry in snapshot.history[-_ENTRIES:]],
            "segments": [
                {"segment": segment, "figures": dict(of_segment)}
                for segment, of_segment in figures.segments.items()
            ],
            "calibration": [
                {
                    "segment": segment, "recent": recent, "examples": examples,
                    "probability": probability, "share": share,
                }
                for segment, curves in figures.curves.items()
                for recent, points in zip((False, True), curves, strict=True)
                for examples, probability, share in points
            ],
            "challengers": [
                {"name": name, "figures": dict(snapshot.standing.get(name, {}))}
                for name in snapshot.recipes
                if name != snapshot.champion
            ],
        }
    )  # fmt: skip


def clusters_update(
    snapshot: ClusterSnapshot, version: int, partition: int, published_at: int
) -> bytes:
    """The value of `model-updates` for the clusters; published_at in ms since epoch."""
    name = version_name(version)
    return encode_model_update(
        {
            "model": CLUSTERS,
            "version": name,
            "examples": snapshot.openings,
            "metrics": snapshot.metrics,
            "snapshot": snapshot_key(CLUSTERS, name).decode(),
            "offsets": {str(partition): snapshot.offset},
            "trusted": snapshot.clustering is not None,
            "publishedAt": published_at,
        }
    )


def about(snapshot: Snapshot, published_at: int, cost_us: Mapping[str, float]) -> bytes:
    """What the registry says of a snapshot, as JSON; cost_us: of each recipe, µs an example.

    Figures are not among it: they are computed from the snapshot by whoever asks.
    """
    said: dict[str, Any] = {
        "examples": snapshot.examples,
        "offset": snapshot.offset,
        "topic_id": snapshot.topic_id.hex(),
        "time": snapshot.time,
        "published_at": published_at,
        "feature_set": snapshot.feature_set,
        "river": snapshot.river,
        "learner": snapshot.learner,
        "champion": snapshot.champion,
        "held": snapshot.held,
        "trusted": snapshot.trusted,
        "cost_us": {name: round(cost, 3) for name, cost in cost_us.items()},
    }
    return json.dumps(said, separators=(",", ":"), sort_keys=True).encode()
