"""The running median of amounts: the constant that is hardest to beat by absolute error."""

from __future__ import annotations

import numpy as np

from afflux.columns import F64
from models.contract import Arrays

_STEPS = 64
_BINS = 20 * _STEPS
"""Of ln(1 + amount), 1/64 wide: the median is right within 1.6 %, up to amounts of e^20."""


class RunningMedian:
    """A histogram on a logarithmic scale, with a pointer to the bin of the median.

    >>> median = RunningMedian()
    >>> median.before(np.array([10.0, 10.0, 1e6, 0.0])).round(1).tolist()
    [0.0, 10.0, 10.0, 10.0]
    """

    def __init__(self) -> None:
        self._counts = [0] * _BINS
        self._n = self._below = self._at = 0

    def before(self, amounts: F64) -> F64:
        """The median just before each of them, 0 before the first; learns them in order."""
        steps = np.minimum(np.maximum(np.log1p(amounts) * _STEPS, 0), _BINS - 1)
        bins = steps.astype(np.int64).tolist()
        seen = np.fromiter(map(self._add, bins), np.float64, len(bins))
        return np.where(seen > 0, np.expm1((seen + 0.5) / _STEPS), 0.0)

    def state(self) -> Arrays:
        """All that it knows."""
        return {"median": np.array(self._counts)}

    def load(self, arrays: Arrays) -> None:
        """Go on from there."""
        self._counts = arrays["median"].tolist()
        self._n, self._below, self._at = sum(self._counts), 0, 0
        self._settle()

    def _add(self, at: int) -> int:
        median = self._at
        self._counts[at] += 1
        self._n += 1
        if at < median:
            self._below += 1
        twice = 2 * self._below
        if twice >= self._n or twice + 2 * self._counts[median] < self._n:
            self._settle()
        return median

    def _settle(self) -> None:
        """Move the pointer to the first bin with at least half of all up to and including it."""
        counts = self._counts
        while 2 * (self._below + counts[self._at]) < self._n:
            self._below += counts[self._at]
            self._at += 1
        while 2 * self._below >= self._n and self._below:
            self._at -= 1
            self._below -= counts[self._at]
