"""The scorer of the models in use, for readers: from snapshots as they are stored."""

from __future__ import annotations

from collections.abc import Sequence

from afflux.catalog import Catalog
from afflux.outcomes import ModelSpec
from afflux.scoring import LinearScorer, LinearSnapshot, untrained
from models.snapshot import SnapshotError, decode_scoring


def scorer_of(catalog: Catalog, snapshots: Sequence[bytes | None]) -> LinearScorer:
    """A scorer of the catalog's models, as a worker would score with these snapshots.

    A model without a snapshot, or with one that cannot be used (other features, damaged), is the
    untrained one, which is not trusted.
    """
    return LinearScorer(
        [
            _scoring(spec, catalog.features, data)
            for spec, data in zip(catalog.models, snapshots, strict=True)
        ]
    )


def _scoring(spec: ModelSpec, features: Sequence[str], data: bytes | None) -> LinearSnapshot:
    if data is not None:
        try:
            snapshot = decode_scoring(data, features)
        except SnapshotError:
            return untrained(spec.name, spec.link, len(features))
        if (snapshot.model, snapshot.link) == (spec.name, spec.link):
            return snapshot
    return untrained(spec.name, spec.link, len(features))
