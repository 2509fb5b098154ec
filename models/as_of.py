"""What a model would have said at an opening: scorers of the past, kept sixteen a window.

A label comes a window after its score was due. Who is not served has no served score to be judged
by; judged by what it says when the label is known, a model that forgets fast would look too good,
as it has learned the labels of that very window. So states are kept on the way, and an example is
judged by the newest that was there when it opened: at most a sixteenth of a window older than what
scorers could have had.
"""

from __future__ import annotations

from bisect import bisect_right

import numpy as np

from afflux import hurdle
from afflux.bins import BINS, bins_of, moved
from afflux.columns import F64, I64
from afflux.hurdle import RESIDUAL_QUANTILES, HurdlePart
from afflux.scoring import LinearSnapshot, Link
from models.contract import Arrays, Vectors

_TIMES_A_WINDOW = 16
_LEAST_BETWEEN, _MOST_BETWEEN = 64, 1_024
_GROWTH = 4
"""Between two states lies a quarter of the examples seen, within these limits, or more."""

_REMEMBERED = 24
"""States: one and a half windows of them."""

_STEEPEST = 40.0


class Moments:
    """When states are kept: by the times of examples and their number, never by blocks."""

    def __init__(self) -> None:
        self._since = self._before = 0
        """Examples after the last moment, and before it."""
        self._latest = self._next = -(2.0**62)

    def next(self, opened: I64, closed: I64) -> tuple[int, float | None]:
        """How many of these examples come before the next moment, and its time; None: none is due.

        The time is the latest at which any example so far was closed, ms.
        """
        least = min(max(_LEAST_BETWEEN, self._before // _GROWTH), _MOST_BETWEEN)
        if self._since + len(closed) < least:
            self._since += len(closed)
            self._latest = max(self._latest, float(closed.max()))
            return len(closed), None
        latest = np.maximum(np.maximum.accumulate(closed), self._latest)
        number = self._since + 1 + np.arange(len(closed))
        due = (number >= least) & (latest >= self._next)
        at = int(due.argmax()) if due.any() else len(due) - 1
        self._latest = float(latest[at])
        if not due[at]:
            self._since += at + 1
            return at + 1, None
        self._before += self._since + at + 1
        self._since = 0
        window = float(closed[at] - opened[at])
        self._next = self._latest + max(window, 0.0) / _TIMES_A_WINDOW
        return at + 1, self._latest

    def state(self) -> Arrays:
        """All that it knows."""
        state = [self._since, self._before, self._latest, self._next]
        return {"moments": np.array(state, np.float64)}

    def load(self, arrays: Arrays) -> None:
        """Go on from there."""
        since, before, self._latest, self._next = arrays["moments"].tolist()
        self._since, self._before = int(since), int(before)


class AsOf:
    """Scorers of the past of one model, each as a row of numbers."""

    def __init__(self, link: Link, with_hurdle: bool, features: int) -> None:
        self._link, self._hurdle, self._features = link, with_hurdle, features
        self._times: list[float] = []
        self._rows: list[F64] = []

    def keep(self, time: float, scorer: LinearSnapshot) -> None:
        """This is what it says from `time` on."""
        self._times.append(time)
        self._rows.append(_row(scorer))
        del self._times[:-_REMEMBERED], self._rows[:-_REMEMBERED]

    def forget(self) -> None:
        """There is no past."""
        self._times, self._rows = [], []

    def said(self, x: Vectors, opened: I64) -> tuple[F64, F64]:
        """(n,) values at the openings, NaN where no state is so old; (2, n) bounds of amounts."""
        values, bounds = np.full(len(x), np.nan), np.full((2, len(x)), np.nan)
        state = np.array([bisect_right(self._times, t) for t in opened.tolist()], np.int64)
        for at in np.unique(state).tolist():
            if at:
                mine = np.flatnonzero(state == at)
                values[mine], bounds[:, mine] = self._by(self._rows[at - 1], x[mine])
        return values, bounds

    def _by(self, row: F64, x: Vectors) -> tuple[F64, F64]:
        d = self._features
        wide = x.astype(np.float64)
        linear, rest = row[: d + 1], row[d + 1 :]
        z = (wide * linear[1:]).sum(axis=1) + linear[0]
        none = np.full((2, len(x)), np.nan)
        if self._link == "amount" and not self._hurdle:
            return np.expm1(np.clip(z, 0.0, _STEEPEST)), none
        odds = np.clip(rest[0] * z + rest[1], -_STEEPEST, _STEEPEST)
        p = moved(1.0 / (1.0 + np.exp(-odds)), rest[2 : 2 + BINS][bins_of(odds)])
        if not self._hurdle:
            return p, none
        amount, residuals = rest[2 + BINS : 3 + BINS + d], rest[3 + BINS + d :]
        much = (wide * amount[1:]).sum(axis=1) + amount[0]
        zeros = np.empty(0)
        low, middle, high = hurdle.quantiles(p, much, HurdlePart(zeros, zeros, zeros, 0, residuals))
        return middle, np.stack([low, high])

    def state(self) -> Arrays:
        """All that it knows."""
        rows = np.stack(self._rows) if self._rows else np.empty((0, 0))
        return {"as_of.times": np.array(self._times, np.float64), "as_of.rows": rows}

    def load(self, arrays: Arrays) -> None:
        """Go on from there."""
        self._times = arrays["as_of.times"].tolist()
        self._rows = list(arrays["as_of.rows"].copy())


def _row(scorer: LinearSnapshot) -> F64:
    parts: list[F64] = [_raw(scorer.mean, scorer.scale, scorer.weights, scorer.intercept)]
    parts += [np.array(scorer.calibration), scorer.shifts]
    if (h := scorer.hurdle) is not None:
        residuals = h.residuals if len(h.residuals) else np.zeros(len(RESIDUAL_QUANTILES))
        parts += [_raw(h.mean, h.scale, h.weights, h.intercept), residuals]
    return np.concatenate(parts)


def _raw(mean: F64, scale: F64, weights: F64, intercept: float) -> F64:
    """Intercept and weights of features that are not scaled."""
    slopes = weights / scale
    return np.concatenate([[intercept - float((slopes * mean).sum())], slopes])
