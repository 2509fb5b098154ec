"""Calibration by bins, after Platt scaling, where it helps.

Probabilities that Platt scaling gives are put into bins of their log-odds; in each bin the labels
say how far they were off on the average, and the bin is moved that much (calibeating: Foster and
Hart, Theoretical Economics 18(4), 2023, in the form of Gupta and Ramdas, `models/calibration.py`):
up by a share c of what is missing to 1, or down by a share of what there is. Serving the mean label
itself would lose the order within a bin, and with it some of the AUC. Both are judged by their
Brier score before each label is learned; the better one serves.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from afflux.bins import BINS, LAST, STEPS
from afflux.columns import F64
from models.calibration import PlattScaling, sigmoid
from models.contract import Arrays

_HELD = 50.0
"""Examples' worth of trust in Platt scaling that each bin starts with."""


class Calibration:
    """Learns one example after the other.

    >>> calibration = Calibration()
    >>> scores = [-3.0, -0.2, 3.0] * 400  # the middle ones come true in three of four
    >>> labels = [0.0, 1.0, 1.0] * 300 + [0.0, 0.0, 1.0] * 100
    >>> calibration.learn(scores, labels)
    >>> calibration.serves_bins
    True
    """

    def __init__(self) -> None:
        self._platt = PlattScaling()
        self._n = [0.0] * BINS
        self._off = [0.0] * BINS
        self._sum = [0.0] * BINS
        self._brier = [0.0, 0.0]

    @property
    def coefficients(self) -> tuple[float, float]:
        """Of Platt scaling."""
        return self._platt.coefficients

    @property
    def serves_bins(self) -> bool:
        """Whether the bins have been better so far."""
        plain, binned = self._brier
        return binned < plain

    @property
    def shifts(self) -> F64:
        """The share c of each bin; zeros while Platt scaling alone is better."""
        if not self.serves_bins:
            return np.zeros(BINS)
        bins = zip(_CENTRES, self._sum, self._n, self._off, strict=True)
        return np.array([_share(*of_bin) for of_bin in bins])

    def learn(self, scores: Sequence[float], labels: Sequence[float]) -> None:
        """Learn linear scores, each as of before its label was learned, with labels 0 and 1."""
        n, off, total = self._n, self._off, self._sum
        plain, binned = self._brier
        for odds, label in zip(self._platt.learn(scores, labels), labels, strict=True):
            p = sigmoid(odds)
            at = bin_of(odds)
            c = _share(_CENTRES[at], total[at], n[at], off[at])
            q = p + (c * (1.0 - p) if c > 0 else c * p)
            plain += (p - label) * (p - label)
            binned += (q - label) * (q - label)
            n[at] += 1.0
            off[at] += label - p
            total[at] += p
        self._brier = [plain, binned]

    def state(self) -> Arrays:
        """All that it knows."""
        return {
            **self._platt.state(),
            "bins": np.array([self._n, self._off, self._sum]),
            "bins.brier": np.array(self._brier),
        }

    def load(self, arrays: Arrays) -> None:
        """Go on from there."""
        self._platt.load(arrays)
        self._n, self._off, self._sum = arrays["bins"].tolist()
        self._brier = arrays["bins.brier"].tolist()


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
    return int(min(max((odds + LAST) * STEPS, 0.0), BINS - 1.0))
