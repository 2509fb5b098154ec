"""Calibration: Platt scaling, and bins after it, each only where it helps.

Probabilities that Platt scaling gives are put into bins of their log-odds; in each bin the labels
say how far they were off on the average, and the bin is moved that much (calibeating: Foster and
Hart, Theoretical Economics 18(4), 2023, in the form of Gupta and Ramdas, `models/calibration.py`):
up by a share c of what is missing to 1, or down by a share of what there is. Serving the mean label
itself would lose the order within a bin, and with it some of the AUC.

The uncalibrated probability, that of Platt scaling and that of the bins are judged by their Brier
scores, each as it was when the example opened; the best one serves. Where the share of positives
comes and goes (coupons, with campaigns), Platt scaling follows it a window too late and is worse
than nothing; judged at the label, when its neighbours are known, it would look best.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Literal

import numpy as np

from afflux.bins import BINS, LAST, STEPS
from afflux.columns import F64
from models.calibration import PlattScaling, sigmoid
from models.contract import Arrays

_TIMES_A_WINDOW = 16
_LEAST_BETWEEN = 32
_REMEMBERED = 40
"""Calibrations of the past: more than two windows of them."""

_AT_FIRST = [1.0, 0.0, *[0.0] * BINS]

_HELD = 50.0
"""Examples' worth of trust in Platt scaling that each bin starts with."""


class Calibration:
    """Learns one example after the other.

    >>> calibration = Calibration()
    >>> scores = [-3.0, -0.2, 3.0] * 400  # the middle ones come true in three of four
    >>> labels = [0.0, 1.0, 1.0] * 300 + [0.0, 0.0, 1.0] * 100
    >>> calibration.learn(scores, labels, range(1200), range(1200))
    >>> calibration.serves
    'bins'
    """

    def __init__(self) -> None:
        self._platt = PlattScaling()
        self._n = [0.0] * BINS
        self._off = [0.0] * BINS
        self._sum = [0.0] * BINS
        self._brier = [0.0, 0.0, 0.0]
        self._times: list[float] = []
        self._past: list[list[float]] = []
        """[a, b, shares ...] at each of the times."""
        self._since = 0
        self._next = 0.0
        """When the next one is kept: examples since the last one, and time."""

    @property
    def coefficients(self) -> tuple[float, float]:
        """Of Platt scaling; (1, 0) while no calibration has been better."""
        return (1.0, 0.0) if self.serves == "none" else self._platt.coefficients

    @property
    def serves(self) -> Literal["none", "platt", "bins"]:
        """What has had the lowest Brier score so far; Platt scaling before the first label."""
        plain, platt, binned = self._brier
        if binned < min(plain, platt):
            return "bins"
        return "none" if plain < platt else "platt"

    @property
    def shifts(self) -> F64:
        """The share c of each bin; zeros while something else is better."""
        if self.serves != "bins":
            return np.zeros(BINS)
        return np.array(self._shares())

    def learn(
        self,
        scores: Sequence[float],
        labels: Sequence[float],
        opened: Sequence[int],
        closed: Sequence[int],
    ) -> None:
        """Learn linear scores, each as of before its label was learned, with labels 0 and 1.

        opened, closed: when each example opened and when its label was known, ms.
        """
        n, off, total = self._n, self._off, self._sum
        platts = self._platt.learn(scores, labels)
        plain, platt, binned = self._brier
        for z, label, start, end, (a, b) in zip(
            scores, labels, opened, closed, platts, strict=True
        ):
            # Judged by what the calibrations were when the example opened.
            at = bisect_right(self._times, start)
            of_then = self._past[at - 1] if at else _AT_FIRST
            odds = of_then[0] * z + of_then[1]
            p = sigmoid(odds)
            steps = (odds + LAST) * STEPS  # as bin_of: a call costs more than all this
            c = of_then[2 if steps < 0.0 else 2 + int(steps) if steps < BINS else 1 + BINS]
            q = p + (c * (1.0 - p) if c > 0 else c * p)
            plain += (sigmoid(z) - label) ** 2
            platt += (p - label) ** 2
            binned += (q - label) ** 2
            odds = a * z + b
            p, steps = sigmoid(odds), (odds + LAST) * STEPS
            at = 0 if steps < 0.0 else int(steps) if steps < BINS else BINS - 1
            n[at] += 1.0
            off[at] += label - p
            total[at] += p
            self._since += 1
            if self._since >= _LEAST_BETWEEN and end >= self._next:
                self._keep(end, a, b)
                self._next = end + (end - start) / _TIMES_A_WINDOW
        self._brier = [plain, platt, binned]

    def _keep(self, end: int, a: float, b: float) -> None:
        self._times.append(float(end))
        self._past.append([a, b, *self._shares()])
        del self._times[:-_REMEMBERED], self._past[:-_REMEMBERED]
        self._since = 0

    def _shares(self) -> list[float]:
        bins = zip(_CENTRES, self._sum, self._n, self._off, strict=True)
        return [_share(*of_bin) for of_bin in bins]

    def state(self) -> Arrays:
        """All that it knows."""
        return {
            **self._platt.state(),
            "bins": np.array([self._n, self._off, self._sum]),
            "bins.brier": np.array(self._brier),
            "bins.next": np.array([float(self._since), float(self._next)]),
            "bins.times": np.array(self._times, np.float64),
            "bins.past": np.array(self._past, np.float64).reshape(-1, 2 + BINS),
        }

    def load(self, arrays: Arrays) -> None:
        """Go on from there."""
        self._platt.load(arrays)
        self._n, self._off, self._sum = arrays["bins"].tolist()
        self._brier = arrays["bins.brier"].tolist()
        self._times = arrays["bins.times"].tolist()
        self._past = arrays["bins.past"].tolist()
        since, self._next = arrays["bins.next"].tolist()
        self._since = int(since)


_CENTRES = [sigmoid((i + 0.5) / STEPS - LAST) for i in range(BINS)]


def _share(centre: float, total: float, n: float, off: float) -> float:
    """c, of a bin with n probabilities of this total, whose labels are above them by `off`."""
    mean = total + _HELD * centre
    return off / (n + _HELD - mean) if off > 0 else off / mean


def bin_of(odds: float) -> int:
    """The bin of log-odds.

    >>> bin_of(-40.0), bin_of(0.0), bin_of(40.0)
    (0, 16, 31)
    """
    steps = (odds + LAST) * STEPS
    return 0 if steps < 0.0 else int(steps) if steps < BINS else BINS - 1
