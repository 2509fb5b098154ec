"""What a step serves: scores of touched rows, served values of openings, closed examples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from afflux.columns import I32, I64, Bool
from afflux.consent import scorable
from afflux.scoring import Scorer, Scores, buckets
from afflux.workspace import Rows, Workspace


def score(work: Workspace, scorer: Scorer, silent: I64, silent_at: I64) -> I32:
    """One call of the scorer for all openings, touched owners, silent ones; returns the owners.

    silent: rows without an event, ascending; silent_at: time that they are scored as of.
    Where the last event of an owner is an opening, its vector is the owner's too.
    """
    owners = scorable(work, (work.last_event >= 0).nonzero()[0])
    allowed = scorable(work, silent)
    if len(allowed) < len(silent):
        silent, silent_at = allowed, silent_at[np.isin(silent, allowed)]
    moved = work.opened_by[owners, 0] != work.last_event[owners]
    others = owners[moved]
    at = work.rows["last_ts"][owners]
    # A late event of a person who was scored for a silence does not take the score back in time.
    at[moved] = np.maximum(at[moved], work.served["as_of_ts"][others])
    vectors = work.vectors
    if len(others) or not (vectors or len(silent)):
        vectors = [*vectors, work.matrix(others, at[moved])]
    if len(silent):
        vectors = [*vectors, work.matrix(silent, silent_at)]
    matrix = vectors[0] if len(vectors) == 1 else np.concatenate(vectors)
    work.scored_vectors = matrix
    scores = scorer.score(matrix)
    place = work.opened_by[owners, 1]
    place[moved] = work.openings + np.arange(len(others))
    if len(silent):
        first = work.openings + len(others)
        place = np.concatenate([place, np.arange(first, first + len(silent))])
        owners, at = np.concatenate([owners, silent]), np.concatenate([at, silent_at])
    work.vector_of = place
    if work.openings:
        _serve_openings(work, scorer, scores)
        _complete_closed(work, scorer, scores)
    if len(owners):
        _serve_owners(work, scorer, scores, owners, place, at)
        if scorer.clusters is not None:
            known = work.served["cluster"][owners]
            work.served["cluster"][owners] = scorer.clusters.assign(matrix[place], known)
    return owners.astype(np.int32)


def _serve_openings(work: Workspace, scorer: Scorer, scores: Scores) -> None:
    row, slot = (work.opening >= 0).nonzero()
    work.served["slot_value"][row, slot] = scores.value[work.opening[row, slot]]
    work.served["slot_version"][row, slot] = scorer.versions


def _serve_owners(
    work: Workspace, scorer: Scorer, scores: Scores, owners: I64, place: I64, at: I64
) -> None:
    work.served["as_of_ts"][owners] = at
    work.served["as_of_offset"][owners] = work.rows["last_offset"][owners]
    put_scores(work.served, owners, scorer, scores, place, work.catalog.rules.amount)
    work.served_changed[owners] = True


def put_scores(
    served: NDArray[np.void], owners: I64, scorer: Scorer, scores: Scores, place: I64, amount: Bool
) -> None:
    """Write the scores at `place` into the served rows `owners`; old values become previous ones.

    amount: which of the models tell an amount.
    """
    value, percentile = scores.value[place], scores.percentile[place]
    served["previous"][owners] = served["value"][owners]
    served["value"][owners] = value
    served["interval"][owners] = scores.interval[place]
    served["version"][owners] = scorer.versions
    served["percentile"][owners] = percentile
    served["bucket"][owners] = buckets(value, percentile, amount)
    served["trusted"][owners] = scorer.trusted
    served["factor"][owners] = scores.factor[place]
    served["contribution"][owners] = scores.contribution[place]
    served["factor_value"][owners] = scores.factor_value[place]


def _complete_closed(work: Workspace, scorer: Scorer, scores: Scores) -> None:
    """Examples that were opened in this very step have their served value only now."""
    for chunk in (*work.closed, *work.early):
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


def early(work: Workspace) -> NDArray[np.void]:
    """The early examples, sorted by (shard, source, opening, model)."""
    table = np.empty(sum(len(c["row"]) for c in work.early), work.catalog.early)
    if not len(table):
        return table
    columns = _joined(work.early, table.dtype.names or ())
    columns["shard"] = work.fetched.shard[columns["row"]]
    keys = ("model", "open_offset", "source", "shard")
    order = np.lexsort([columns[name] for name in keys])
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
