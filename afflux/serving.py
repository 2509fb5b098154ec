"""What a step serves: scores of touched rows, served values of openings, closed examples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from afflux.columns import I32, I64
from afflux.scoring import Scorer, Scores, buckets
from afflux.workspace import Rows, Workspace


def score(work: Workspace, scorer: Scorer) -> I32:
    """One call of the scorer for all openings and all touched owners; returns the owners.

    Where the last event of an owner is an opening, its vector is the owner's too.
    """
    owners = (work.last_event >= 0).nonzero()[0]
    moved = work.opened_by[owners, 0] != work.last_event[owners]
    others = owners[moved]
    vectors = work.vectors
    if len(others) or not vectors:
        vectors = [*vectors, work.matrix(others, work.rows["last_ts"][others])]
    matrix = vectors[0] if len(vectors) == 1 else np.concatenate(vectors)
    scores = scorer.score(matrix)
    place = work.opened_by[owners, 1]
    place[moved] = work.openings + np.arange(len(others))
    if work.openings:
        _serve_openings(work, scorer, scores)
        _complete_closed(work, scorer, scores)
    if len(owners):
        _serve_owners(work, scorer, scores, owners, place)
        if scorer.clusters is not None:
            known = work.served["cluster"][owners]
            work.served["cluster"][owners] = scorer.clusters.assign(matrix[place], known)
    return owners.astype(np.int32)


def _serve_openings(work: Workspace, scorer: Scorer, scores: Scores) -> None:
    row, slot = (work.opening >= 0).nonzero()
    work.served["slot_value"][row, slot] = scores.value[work.opening[row, slot]]
    work.served["slot_version"][row, slot] = scorer.versions


def _serve_owners(work: Workspace, scorer: Scorer, scores: Scores, owners: I64, place: I64) -> None:
    served = work.served
    value, percentile = scores.value[place], scores.percentile[place]
    served["as_of_ts"][owners] = work.rows["last_ts"][owners]
    served["as_of_offset"][owners] = work.rows["last_offset"][owners]
    served["previous"][owners] = served["value"][owners]
    served["value"][owners] = value
    served["interval"][owners] = scores.interval[place]
    served["version"][owners] = scorer.versions
    served["percentile"][owners] = percentile
    served["bucket"][owners] = buckets(value, percentile, work.catalog.rules.amount)
    served["trusted"][owners] = scorer.trusted
    served["factor"][owners] = scores.factor[place]
    served["contribution"][owners] = scores.contribution[place]
    served["factor_value"][owners] = scores.factor_value[place]
    work.served_changed[owners] = True


def _complete_closed(work: Workspace, scorer: Scorer, scores: Scores) -> None:
    """Examples that were opened in this very step have their served value only now."""
    for chunk in work.closed:
        at = (chunk["opening"] >= 0).nonzero()[0]
        model = chunk["model"][at]
        chunk["served"][at] = scores.value[chunk["opening"][at], model]
        chunk["version"][at] = scorer.versions[model]


def closed(work: Workspace) -> NDArray[np.void]:
    """The closed examples, sorted by (shard, deadline, identity, name of the model)."""
    n = sum(len(c["row"]) for c in work.closed)
    table = np.empty(n, work.catalog.closed)
    if not n:
        return table
    columns = _joined(work.closed, table.dtype.names or ())
    columns["shard"] = work.fetched.shard[columns["row"]]
    order = _few_in_order(work, columns) if n < _FEW else _in_order(work, columns)
    for name, column in columns.items():
        table[name] = column[order]
    return table


_FEW = 16
"""So few examples are sorted faster without NumPy."""


def _joined(chunks: Sequence[Rows], names: Sequence[str]) -> Rows:
    stored = [name for name in names if name != "shard"]
    if len(chunks) == 1:
        return {name: chunks[0][name] for name in stored}
    return {name: np.concatenate([c[name] for c in chunks]) for name in stored}


def _few_in_order(work: Workspace, columns: Rows) -> list[int]:
    models, identities = work.catalog.models, work.fetched.identities
    keys = [
        (shard, deadline, identities[row], models[model].name)
        for shard, deadline, row, model in zip(
            *(columns[name].tolist() for name in ("shard", "deadline", "row", "model")), strict=True
        )
    ]
    return sorted(range(len(keys)), key=keys.__getitem__)


def _in_order(work: Workspace, columns: Rows) -> I64:
    return np.lexsort(
        (
            _ranks([m.name for m in work.catalog.models])[columns["model"]],
            _identity_ranks(work, columns["row"]),
            columns["deadline"],
            columns["shard"],
        )
    )


def _identity_ranks(work: Workspace, row: I64) -> I64:
    rows, place = np.unique(row, return_inverse=True)
    identities = work.fetched.identities
    return _ranks([identities[r] for r in rows.tolist()])[place]


def _ranks(names: Sequence[bytes] | Sequence[str]) -> I64:
    """Rank of each name in sorted order."""
    ranks = np.empty(len(names), np.int64)
    ranks[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names))
    return ranks
