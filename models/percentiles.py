"""Cut points of percentiles: where a value stands among those of the recent examples.

The current model scores the vectors of the last examples anew whenever a snapshot is taken, so
that cut points and scores come from the same model.
"""

from __future__ import annotations

import numpy as np

from afflux.columns import F64
from afflux.scoring import Link
from models.contract import Arrays, Vectors
from models.recent import Recent

REMEMBERED = 1_024
"""Vectors; the standard error of a median cut is then 1.6 percentiles."""

LEAST = 100
"""With fewer there are no cut points."""

_PARTS = np.arange(1, 100) / 100


class RecentVectors:
    """The vectors of the last examples."""

    def __init__(self, features: int) -> None:
        self._recent = Recent("vectors", REMEMBERED, np.float16, features)

    def add(self, vectors: Vectors) -> None:
        """Remember these."""
        self._recent.add(vectors)

    @property
    def rows(self) -> Vectors:
        """What is remembered."""
        return self._recent.rows

    def state(self) -> Arrays:
        """All that it knows."""
        return self._recent.state()

    def load(self, arrays: Arrays) -> None:
        """Go on from there."""
        self._recent.load(arrays)


def cut_points(values: F64) -> F64:
    """The 99 ascending quantiles of the values; none of too few."""
    if len(values) < LEAST:
        return np.empty(0)
    return np.asarray(np.quantile(values, _PARTS))


def served_values(link: Link, scores: F64, calibration: tuple[float, float]) -> F64:
    """Linear scores as they are served: probabilities, or amounts."""
    if link == "amount":
        return np.maximum(0.0, np.expm1(np.minimum(scores, 700.0)))
    a, b = calibration
    return 1.0 / (1.0 + np.exp(-np.clip(a * scores + b, -700.0, 700.0)))
