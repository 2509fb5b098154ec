"""Quality of an amount's interval: pinball loss of its quantiles, and how many amounts it holds.

What was served with an example is the median; the interval is judged as the model would have given
it at the opening (`as_of.py`). Beside it stand the quantiles of all labels known by then, the
interval that no model is needed for.
"""

from __future__ import annotations

from bisect import bisect_right

import numpy as np

from afflux.columns import F64, I64
from afflux.hurdle import INTERVAL
from models.contract import Arrays
from models.evaluation import pinball
from models.recent import Recent

_QUANTILES = (INTERVAL[0], 0.5, INTERVAL[1])
_STEPS = 64
_WINDOW = 2_048
_REMEMBERED = 24
_NAMES = ("pinball", "base_pinball", "coverage")


class IntervalQuality:
    """Judges intervals; its state does not depend on how examples were cut into blocks."""

    def __init__(self) -> None:
        self._times: list[float] = []
        self._constants: list[list[float]] = []
        self._sums = np.zeros(4)
        self._recent = Recent("interval.recent", _WINDOW, np.float32, 3)

    def add(self, middle: F64, bounds: F64, opened: I64, labels: F64) -> None:
        """Judge (n,) medians and (2, n) bounds, NaN of what was not known."""
        at = np.array([bisect_right(self._times, t) for t in opened.tolist()], np.int64)
        known = np.flatnonzero((at > 0) & np.isfinite(bounds).all(axis=0))
        if len(known):
            y = labels[known]
            constant = np.array(self._constants)[at[known] - 1].T
            mine = (bounds[0, known], middle[known], bounds[1, known])
            rows = np.ones((len(known), 4))
            rows[:, 0], rows[:, 1] = _loss(mine, y), _loss(tuple(constant), y)
            rows[:, 2] = (mine[0] <= y) & (y <= mine[2])
            self._sums = np.add.accumulate(np.concatenate([self._sums[None], rows]))[-1]
            self._recent.add(rows[:, :3])

    def keep(self, time: float, labels: F64) -> None:
        """The quantiles of the labels so far are the constant from `time` on.

        labels: how many there were, by bins of ln(1 + amount), 1/64 wide.
        """
        so_far = np.cumsum(labels)
        at = so_far.searchsorted(np.array(_QUANTILES) * so_far[-1], "left")
        constants = np.where(at > 0, np.expm1((at + 0.5) / _STEPS), 0.0)
        self._times.append(time)
        self._constants.append(constants.tolist())
        del self._times[:-_REMEMBERED], self._constants[:-_REMEMBERED]

    def figures(self) -> dict[str, float]:
        """Since the start, and of the recent examples; nothing before the first was judged."""
        n = self._sums[3]
        if not n:
            return {}
        figures = dict(zip(_NAMES, (self._sums[:3] / n).tolist(), strict=True))
        recent = self._recent.rows.astype(np.float64).mean(axis=0).tolist()
        return figures | {f"recent_{k}": v for k, v in zip(_NAMES, recent, strict=True)}

    def state(self) -> Arrays:
        """All that it knows."""
        return {
            "interval.times": np.array(self._times, np.float64),
            "interval.constants": np.array(self._constants, np.float64).reshape(-1, 3),
            "interval.sums": self._sums.copy(),
            **self._recent.state(),
        }

    def load(self, arrays: Arrays) -> None:
        """Go on from there."""
        self._sums = arrays["interval.sums"].copy()
        self._times = arrays["interval.times"].tolist()
        self._constants = arrays["interval.constants"].tolist()
        self._recent.load(arrays)


def _loss(values: tuple[F64, ...], labels: F64) -> F64:
    """The mean pinball loss of the three quantiles."""
    parts = [pinball(v, labels, q) for v, q in zip(values, _QUANTILES, strict=True)]
    return np.asarray(np.mean(parts, axis=0))
