"""Served rows as scores and open examples, read by the layout that each row names."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from afflux.identity import Edges
from afflux.names import EpochMs, EventId, Identity, ModelName
from afflux.outcomes import ModelSpec
from afflux.scoring import BUCKETS, points
from afflux.wording import say
from profile_store.installation import Installation
from profile_store.layouts import Layout, decode, layout_id
from profile_store.profile import Factor, OpenExample, Score
from profile_store.short_floats import short_floats
from profile_store.stored import Stored

_SCORE = ("value", "previous", "version", "percentile", "bucket", "trusted")


def scores(person: Sequence[Stored], installation: Installation) -> dict[ModelName, Score]:
    """The latest score of each model, by (event time, identity)."""
    latest: dict[ModelName, Score] = {}
    for stored in person:
        if stored.served is None:
            continue
        for score in _row_scores(stored, installation.layout(layout_id(stored.served))):
            other = latest.get(score.model)
            if other is None or _age(score) > _age(other):
                latest[score.model] = score
    return latest


def cluster(person: Sequence[Stored], installation: Installation) -> int | None:
    """The audience cluster of the latest served row, by (event time, identity)."""
    latest: tuple[int, bytes, int] | None = None
    for stored in person:
        if stored.served is None:
            continue
        layout = installation.layout(layout_id(stored.served))
        if "cluster" in (layout.served.names or ()):
            (row,) = decode([stored.served[: layout.served.itemsize]], layout.served)
            if row["cluster"]:
                found = int(row["as_of_ts"]), bytes(stored.identity), int(row["cluster"])
                latest = found if latest is None else max(latest, found)
    return None if latest is None else latest[2]


def fresh_scores(identity: Identity, served: bytes, layout: Layout) -> dict[ModelName, Score]:
    """Scores of one served row that was made to be read."""
    made = Stored(identity, None, Edges(), served)
    return {score.model: score for score in _row_scores(made, layout)}


def _age(score: Score) -> tuple[int, bytes]:
    return score.event_time, score.identity


def _row_scores(stored: Stored, layout: Layout) -> Iterator[Score]:
    data = stored.served or b""
    size = layout.served.itemsize
    (row,) = decode([data[:size]], layout.served)
    event_id = EventId(data[size:].decode("utf-8", "replace"))
    amount = np.array([spec.link == "amount" for spec in layout.models], np.bool_)
    score = points(row["value"], row["percentile"], amount)
    as_of = EpochMs(int(row["as_of_ts"]))
    offset = int(row["as_of_offset"]) if event_id else -1
    columns = zip(*(row[name].tolist() for name in _SCORE), score.tolist(), strict=True)
    for m, (value, previous, version, percentile, bucket, trusted, points_) in enumerate(columns):
        if math.isnan(value):
            continue
        spec = layout.models[m]
        yield Score(
            model=spec.name,
            predicts=spec.outcome.describe(),
            version=f"{version:016x}",
            value=value,
            score=points_,
            percentile=percentile,
            bucket=BUCKETS[bucket],
            trusted=bool(trusted),
            factors=_factors(layout, row, m),
            previous=None if math.isnan(previous) else previous,
            interval=_interval(row, m),
            identity=stored.identity,
            event_id=event_id,
            event_time=as_of,
            event_offset=offset,
        )


def _interval(row: np.void, model: int) -> tuple[float, float] | None:
    """None in layouts from before there were intervals, too."""
    if "interval" not in (row.dtype.names or ()):
        return None
    low, high = row["interval"][model].tolist()
    return None if math.isnan(low) else (low, high)


def _factors(layout: Layout, row: np.void, model: int) -> tuple[Factor, ...]:
    factor = row["factor"][model].tolist()
    contribution = short_floats(row["contribution"][model])
    if "factor_value" not in (row.dtype.names or ()):
        return tuple(
            Factor(layout.features[f], layout.phrases[f], c)
            for f, c in zip(factor, contribution, strict=True)
            if c
        )
    values = short_floats(row["factor_value"][model])
    return tuple(
        Factor(layout.features[f], say(layout.features[f], float(v)), c, short)
        for f, c, v, short in zip(
            factor, contribution, row["factor_value"][model], values, strict=True
        )
        if c
    )


def open_examples(person: Sequence[Stored], installation: Installation) -> Iterator[OpenExample]:
    """What is being waited for, by identity, time and model."""
    for stored in sorted(person, key=lambda one: one.identity):
        if stored.fragment is not None:
            layout = installation.layout(layout_id(stored.fragment))
            (row,) = decode([stored.fragment], layout.fragment)
            for slot in np.argsort(row["slot_ts"], kind="stable").tolist():
                for m, spec in enumerate(layout.models):
                    if int(row["slot_open"][slot]) >> m & 1:
                        opened = int(row["slot_ts"][slot])
                        yield _example(stored, spec, opened, _slot(stored, installation, slot, m))


def _slot(
    stored: Stored, installation: Installation, slot: int, model: int
) -> tuple[float | None, int]:
    """The value served with an opening and its snapshot."""
    if stored.served is None:
        return None, 0
    layout = installation.layout(layout_id(stored.served))
    (row,) = decode([stored.served[: layout.served.itemsize]], layout.served)
    return float(row["slot_value"][slot][model]), int(row["slot_version"][slot][model])


def _example(
    stored: Stored, spec: ModelSpec, opened: int, served: tuple[float | None, int]
) -> OpenExample:
    return OpenExample(
        model=spec.name,
        identity=stored.identity,
        opened_at=EpochMs(opened),
        window_ends=EpochMs(opened + spec.outcome.window_ms),
        closes_at=EpochMs(opened + spec.outcome.deadline_ms),
        served=served[0],
        version=f"{served[1]:016x}",
    )
