"""Amounts that are often zero: nothing with 1 - p, else expm1(linear score + a residual).

Median, interval and mean come from this one distribution. In terms of the logarithm of the mean a
feature's part is its part in the amount's linear score plus (1 - p) times that in the log-odds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]

RESIDUAL_QUANTILES = np.arange(101) / 100
"""At which the residuals of an amount are known."""

INTERVAL = (0.1, 0.9)
"""Quantiles between which an amount lies four times out of five."""

_STEEPEST = 40.0
_LEAST_P = 1e-9


@dataclass(frozen=True, slots=True)
class HurdlePart:
    """How much is spent if anything is: ln(1 + amount) = linear score + a residual."""

    mean: F64
    scale: F64
    weights: F64
    intercept: float
    residuals: F64
    """Their RESIDUAL_QUANTILES."""


def quantiles(
    p: F64, amount: F64, part: HurdlePart, at: Sequence[float] = (INTERVAL[0], 0.5, INTERVAL[1])
) -> F64:
    """(len(at), n) quantiles of what is spent.

    >>> none = np.empty(0)
    >>> part = HurdlePart(none, none, none, 0.0, np.linspace(-1.0, 1.0, 101))
    >>> p, amount = np.array([0.4, 1.0]), np.log1p([100.0, 100.0])
    >>> quantiles(p, amount, part, (0.5, 0.8)).round(1).tolist()
    [[0.0, 100.0], [100.0, 183.0]]
    """
    within = (np.array(at)[:, None] - (1.0 - p)) / np.maximum(p, _LEAST_P)
    spread = np.interp(within, RESIDUAL_QUANTILES, part.residuals)
    spent = np.expm1(np.minimum(np.maximum(amount + spread, 0.0), _STEEPEST))
    return np.asarray(np.where(within > 0, spent, 0.0))


def mean(p: F64, amount: F64, part: HurdlePart) -> F64:
    """The mean of what is spent, the outermost residuals left out."""
    typical = np.exp(part.residuals[1:-1]).mean()
    return np.asarray(p * np.maximum(np.exp(np.minimum(amount, _STEEPEST)) * typical - 1.0, 0.0))
