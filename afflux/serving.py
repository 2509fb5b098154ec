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
    vectors = [*work.vectors, work.matrix(others, work.rows["last_ts"][others])]
    scores = scorer.score(np.concatenate(vectors))
    place = work.opened_by[owners, 1]
    place[moved] = work.openings + np.arange(len(others))
    _serve_openings(work, scorer, scores)
    _serve_owners(work, scorer, scores, owners, place)
    _complete_closed(work, scorer, scores)
    return owners.astype(np.int32)


def _serve_openings(work: Workspace, scorer: Scorer, scores: Scores) -> None:
    row, slot = np.nonzero(work.opening >= 0)
    work.served["slot_value"][row, slot] = scores.value[work.opening[row, slot]]
    work.served["slot_version"][row, slot] = scorer.versions


def _serve_owners(work: Workspace, scorer: Scorer, scores: Scores, owners: I64, place: I64) -> None:
    served = work.served
    value, percentile = scores.value[place], scores.percentile[place]
    served["as_of_ts"][owners] = work.rows["last_ts"][owners]
    served["as_of_offset"][owners] = work.rows["last_offset"][owners]
    served["previous"][owners] = served["value"][owners]
    served["value"][owners] = value
    served["version"][owners] = scorer.versions
    served["percentile"][owners] = percentile
    served["bucket"][owners] = buckets(value, percentile, work.catalog.rules.amount)
    served["trusted"][owners] = scorer.trusted
    served["factor"][owners] = scores.factor[place]
    served["contribution"][owners] = scores.contribution[place]
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
    columns: Rows = {
        name: np.concatenate([c[name] for c in work.closed])
        for name in table.dtype.names or ()
        if name != "shard"
    }
    columns["shard"] = work.fetched.shard[columns["row"]]
    order = np.lexsort(
        (
            _ranks([m.name for m in work.catalog.models])[columns["model"]],
            _identity_ranks(work, columns["row"]),
            columns["deadline"],
            columns["shard"],
        )
    )
    for name, column in columns.items():
        table[name] = column[order]
    return table


def _identity_ranks(work: Workspace, row: I64) -> I64:
    rows, place = np.unique(row, return_inverse=True)
    identities = work.fetched.identities
    return _ranks([identities[r] for r in rows.tolist()])[place]


def _ranks(names: Sequence[bytes] | Sequence[str]) -> I64:
    """Rank of each name in sorted order."""
    ranks = np.empty(len(names), np.int64)
    ranks[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names))
    return ranks
