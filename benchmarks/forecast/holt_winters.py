"""Holt-Winters as a batch team would run it: additive, damped trend, refitted on all history.

The recurrences are those of Hyndman & Athanasopoulos, "Forecasting: principles and practice",
chapter 8.3; parameters are searched on a grid for the least sum of squared one-step errors, all
of the grid at once. No fit of a library is needed, and none is faster on so short a series.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from afflux.columns import F64

WEEK = 7
_GRID = np.array(
    list(
        itertools.product(
            (0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9),  # level
            (0.0, 0.01, 0.05, 0.2),  # trend
            (0.01, 0.05, 0.1, 0.2, 0.4),  # season
            (0.9, 0.98, 1.0),  # damping of the trend
        )
    )
)


@dataclass(frozen=True, slots=True)
class Fit:
    """One set of parameters with its state at the end of the history."""

    level: float
    trend: float
    season: F64
    """(7,) by day number mod 7."""
    days: int
    parameters: tuple[float, float, float, float]
    squares: float
    """Sum of squared one-step errors after the first two weeks."""

    def ahead(self, h: int) -> float:
        """H days after the last one, at least 0: volumes are not negative."""
        damping = self.parameters[3]
        slope = self.trend * sum(damping**i for i in range(1, h + 1))
        return max(0.0, self.level + slope + float(self.season[(self.days + h - 1) % WEEK]))

    def updated(self, value: float) -> Fit:
        """With another day, parameters as they are: what happens between two fits."""
        a, b, g, damping = self.parameters
        today = self.days % WEEK
        before = self.level + damping * self.trend
        level = a * (value - self.season[today]) + (1 - a) * before
        season = self.season.copy()
        season[today] = g * (value - before) + (1 - g) * self.season[today]
        trend = b * (level - self.level) + (1 - b) * damping * self.trend
        return Fit(level, trend, season, self.days + 1, self.parameters, self.squares)


def fit(history: F64) -> Fit:
    """The best of the grid on at least three weeks of (days,) values."""
    a, b, g, damping = _GRID.T
    n = len(a)
    level = np.full(n, history[:WEEK].mean())
    trend = np.full(n, (history[WEEK : 2 * WEEK].mean() - history[:WEEK].mean()) / WEEK)
    season = np.tile(history[:WEEK] - history[:WEEK].mean(), (n, 1))
    squares = np.zeros(n)
    for day in range(WEEK, len(history)):
        today, value = day % WEEK, history[day]
        before = level + damping * trend
        old = season[:, today].copy()
        if day >= 2 * WEEK:
            squares += (value - before - old) ** 2
        new = a * (value - old) + (1 - a) * before
        season[:, today] = g * (value - before) + (1 - g) * old
        trend = b * (new - level) + (1 - b) * damping * trend
        level = new
    best = int(squares.argmin())
    return Fit(
        float(level[best]), float(trend[best]), season[best].copy(), len(history),
        (float(a[best]), float(b[best]), float(g[best]), float(damping[best])),
        float(squares[best]),
    )  # fmt: skip
