"""Served rows to score updates, by columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from afflux.catalog import Catalog
from afflux.names import Identity
from streams.message_writer import writer

FEW = 16
"""Up to so many rows are encoded one by one: columns cost about 1 ms whatever their number."""

BUCKETS = ("low", "medium", "high")


def encode_score_updates(
    catalog: Catalog,
    served: NDArray[np.void],
    identities: Sequence[Identity],
    event_ids: Sequence[str],
    profile_ids: Sequence[str],
    linked: Sequence[Sequence[Identity]],
    versions: Sequence[int],
    offsets: Sequence[int] | None = None,
) -> list[bytes]:
    """One `ScoreUpdate` a served row (dtype `catalog.served`), all arguments aligned to it.

    linked: all identities of the profile, the owner included. versions: of the position that
    the row was committed with; offsets: its offset, by default one past that of the last record.
    event_ids: empty where scores were made anew for a silence.
    """
    if not len(served):
        return []
    if offsets is None:
        offsets = (served["as_of_offset"] + 1).tolist()
    if len(served) <= FEW:
        rows = zip(
            served, identities, event_ids, profile_ids, linked, versions, offsets, strict=True
        )
        return writer("ScoreUpdate").write_few([_row(catalog, *row) for row in rows])
    as_of = served["as_of_offset"].tolist()
    columns = {
        "profileId": pa.array(profile_ids, pa.string()),
        "identity": _texts(identities),
        "identities": _ragged(_texts([i for some in linked for i in some]), list(map(len, linked))),
        "positionOffset": pa.array(offsets, pa.int64()),
        "positionVersion": pa.array(versions, pa.int64()),
        "eventId": pa.array(event_ids, pa.string()),
        "eventTime": pa.array(served["as_of_ts"], pa.int64()),
        "eventOffset": pa.array(
            [o if e else -1 for o, e in zip(as_of, event_ids, strict=True)], pa.int64()
        ),
        "scores": _scores(catalog, served),
        "cluster": pa.array(served["cluster"].astype(np.int64)),
    }
    return writer("ScoreUpdate").write(pa.RecordBatch.from_pydict(columns))


def _row(
    catalog: Catalog,
    served: np.void,
    identity: Identity,
    event_id: str,
    profile_id: str,
    linked: Sequence[Identity],
    version: int,
    offset: int,
) -> dict[str, Any]:
    """One update as a dictionary."""
    return {
        "profileId": profile_id,
        "identity": identity.decode(),
        "identities": [i.decode() for i in linked],
        "positionOffset": offset,
        "positionVersion": version,
        "eventId": event_id,
        "eventTime": int(served["as_of_ts"]),
        "eventOffset": int(served["as_of_offset"]) if event_id else -1,
        "scores": _scores_of(catalog, served),
        "cluster": int(served["cluster"]),
    }


def _scores_of(catalog: Catalog, served: np.void) -> list[dict[str, Any]]:
    """As `_scores`, of one row."""
    of = {name: served[name].tolist() for name in _PER_MODEL}
    scores = []
    for m, model in enumerate(catalog.models):
        value, previous, percentile = of["value"][m], of["previous"][m], of["percentile"][m]
        if value != value:  # never scored
            continue
        low, high = of["interval"][m]
        scores.append(
            {
                "model": model.name,
                "version": f"{of['version'][m]:016x}",
                "value": value,
                "score": percentile if model.link == "amount" else round(100 * value),
                "percentile": percentile,
                "bucket": BUCKETS[min(of["bucket"][m], 2)],
                "trusted": of["trusted"][m] != 0,
                "factors": [
                    {"feature": catalog.features[f], "contribution": c, "value": seen}
                    for f, c, seen in zip(
                        of["factor"][m], of["contribution"][m], of["factor_value"][m], strict=True
                    )
                    if c != 0 and f < catalog.dimension
                ],
                "previous": None if previous != previous else previous,
                "low": None if low != low else low,
                "high": None if high != high else high,
            }
        )
    return scores


def _scores(catalog: Catalog, served: NDArray[np.void]) -> pa.Array:
    """Scores of each row; a model that never scored it is left out."""
    known = ~np.isnan(served["value"])
    row, model = np.nonzero(known)
    flat = {name: served[name][row, model] for name in _PER_MODEL}
    value = flat["value"].astype(np.float64)
    amount = np.array([m.link == "amount" for m in catalog.models], np.bool_)[model]
    percentile = flat["percentile"].astype(np.int64)
    score = np.where(amount, percentile, np.rint(100 * np.where(amount, 0, value)))
    previous = flat["previous"].astype(np.float64)
    low, high = flat["interval"].astype(np.float64).T
    names = pa.array([m.name for m in catalog.models], pa.string())
    fields = {
        "model": names.take(pa.array(model)),
        "version": hexes(flat["version"]),
        "value": pa.array(value),
        "score": pa.array(score.astype(np.int64)),
        "percentile": pa.array(percentile),
        "bucket": pa.array(BUCKETS).take(pa.array(np.minimum(flat["bucket"], 2))),
        "trusted": pa.array(flat["trusted"] != 0),
        "factors": _factors(catalog, flat["factor"], flat["contribution"], flat["factor_value"]),
        "previous": pa.array(previous, mask=np.isnan(previous)),
        "low": pa.array(low, mask=np.isnan(low)),
        "high": pa.array(high, mask=np.isnan(high)),
    }
    scores = pa.StructArray.from_arrays(list(fields.values()), list(fields))
    return _ragged(scores, known.sum(axis=1))


_PER_MODEL = (
    "value", "previous", "version", "percentile", "bucket", "trusted", "factor", "contribution",
    "factor_value", "interval",
)  # fmt: skip


def _factors(
    catalog: Catalog, factor: NDArray[Any], contribution: NDArray[Any], seen: NDArray[Any]
) -> pa.Array:
    """Reasons of each score; a factor without a part in it is left out."""
    known = (contribution != 0) & (factor < catalog.dimension)
    names = pa.array(catalog.features, pa.string())
    entries = pa.StructArray.from_arrays(
        [
            names.take(pa.array(factor[known].astype(np.int32))),
            pa.array(contribution[known].astype(np.float64)),
            pa.array(seen[known].astype(np.float64)),
        ],
        ["feature", "contribution", "value"],
    )
    return _ragged(entries, known.sum(axis=1))


def hexes(numbers: NDArray[np.uint64]) -> pa.Array:
    """Each number as 16 hex digits; few of them are different."""
    unique, place = np.unique(numbers, return_inverse=True)
    return pa.array([f"{n:016x}" for n in unique.tolist()], pa.string()).take(pa.array(place))


def _texts(identities: Sequence[bytes]) -> pa.Array:
    return pa.array(identities, pa.string())  # checks that they are UTF-8


def _ragged(values: pa.Array, lengths: Any) -> pa.Array:
    ends = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=ends[1:])
    return pa.ListArray.from_arrays(pa.array(ends), values)
