"""Batches, catalogs and scorers for tests of the core."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from afflux.catalog import Catalog
from afflux.columns import EventColumns, Kind
from afflux.limits import DAY_MS
from afflux.names import Identity, ModelName
from afflux.outcomes import ModelSpec, Outcome
from afflux.scoring import LinearScorer, LinearSnapshot
from afflux.shards import murmur2

CATALOG = Catalog(
    [
        ModelSpec(ModelName("churn"), Outcome("will_not", (Kind.PURCHASE,), 14 * DAY_MS)),
        ModelSpec(ModelName("lifetime_value"), Outcome("amount", (Kind.PURCHASE,), 28 * DAY_MS)),
    ]
)


def linear_scorer(catalog: Catalog = CATALOG, seed: int = 7) -> LinearScorer:
    """A scorer with arbitrary but fixed weights and cut points."""
    random = np.random.default_rng(seed)
    return LinearScorer(
        [
            LinearSnapshot(
                model=m.name,
                link=m.link,
                version=11 + i,
                mean=random.normal(size=catalog.dimension),
                scale=random.uniform(0.5, 2.0, catalog.dimension),
                weights=random.normal(size=catalog.dimension) / 10,
                intercept=0.1,
                calibration=(1.1, -0.2),
                cuts=np.linspace(0.01, 0.99, 99) * (1 if m.link == "probability" else 50),
                trusted=True,
                examples=100,
                offset=100,
            )
            for i, m in enumerate(catalog.models)
        ]
    )


def columns(
    rows: Sequence[tuple[int, int, str, str, int, float]],
    links: Sequence[tuple[int, str]] = (),
    append_lag: int = 0,
) -> EventColumns:
    """Events from (offset, timestamp, identity, event id, kind, amount) and (event, other)."""
    identities = list(dict.fromkeys(r[2].encode() for r in rows))
    others = list(dict.fromkeys(o.encode() for _, o in links))
    ts = np.array([r[1] for r in rows], np.int64)
    amount = np.array([r[5] for r in rows], np.float64)
    return EventColumns(
        offset=np.array([r[0] for r in rows], np.int64),
        timestamp=ts,
        append_time=ts + append_lag,
        identity=np.array([identities.index(r[2].encode()) for r in rows], np.int32),
        identities=[Identity(i) for i in identities],
        identity_hash=murmur2(identities),
        id_hash=np.array([id_hash(r[3]) for r in rows], np.uint64),
        event_ids=[r[3] for r in rows],
        kind=np.array([r[4] for r in rows], np.uint8),
        amount=amount,
        quantity=np.where(amount > 0, 2.0, 0.0),
        link_event=np.array([e for e, _ in links], np.int32),
        link_identity=np.array([others.index(o.encode()) for _, o in links], np.int32),
        link_names=[Identity(o) for o in others],
    )


def id_hash(event_id: str) -> int:
    """A 64-bit hash that is never 0."""
    return int.from_bytes(event_id.encode().rjust(8, b"\1")[-8:], "little")
