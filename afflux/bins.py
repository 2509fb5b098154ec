"""Bins of log-odds, in which calibrated probabilities are corrected."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LAST = 8.0
STEPS = 2.0
BINS = 32
"""Half a unit wide, from -8 to 8."""


def moved(p: NDArray[np.float64], share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Up by a share of what is missing to 1, or down by a share of what there is.

    >>> moved(np.array([0.8, 0.8]), np.array([0.5, -0.5])).tolist()
    [0.9, 0.4]
    """
    return np.asarray(p + np.maximum(share, 0.0) * (1.0 - p) + np.minimum(share, 0.0) * p)


def bins_of(odds: NDArray[np.float64]) -> NDArray[np.int64]:
    """The bin of each.

    >>> bins_of(np.array([-40.0, 0.0, 40.0])).tolist()
    [0, 16, 31]
    """
    at = np.minimum(np.maximum((odds + LAST) * STEPS, 0.0), BINS - 1.0)
    return at.astype(np.int64)
