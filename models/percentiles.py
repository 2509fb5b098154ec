"""Cut points of percentiles: where a value stands among those of the recent examples.

Whenever a snapshot is taken, its own scorer scores the vectors of the last examples anew, so
that cut points and scores come from the same model.
"""

from __future__ import annotations

import numpy as np

from afflux.columns import F64
from afflux.scoring import LinearScorer, LinearSnapshot
from models.contract import Vectors

REMEMBERED = 1_024
"""Vectors; the standard error of a median cut is then 1.6 percentiles."""

LEAST = 100
"""With fewer there are no cut points."""

_PARTS = np.arange(1, 100) / 100


def cut_points(snapshot: LinearSnapshot, vectors: Vectors) -> F64:
    """The 99 ascending quantiles of what the snapshot says of the vectors; none of too few."""
    if len(vectors) < LEAST:
        return np.empty(0)
    ranks = LinearScorer([snapshot]).score(vectors).rank[:, 0]
    return np.asarray(np.quantile(ranks, _PARTS))
