"""Volumes a day: forecasts with intervals, learned from each closed day once, and alarms.

Every series has a level and a weekly season on the scale of square roots (where the spread of
counts does not depend on their size; zeros are allowed), smoothed at several rates side by side:
additive Holt-Winters without a trend (Winters, "Forecasting sales by exponentially weighted moving
averages", Management Science 1960), its steps clipped so that a day of closed shops does not move
the level. What is forecast is their mean, weighted by how wrong each has been lately at that
horizon (the exponentially weighted forecaster; Cesa-Bianchi & Lugosi, "Prediction, learning, and
games", 2006).

Intervals are conformal: the forecast plus and minus a multiple of the typical error, and the
multiple grows whenever a day falls outside and shrinks a little whenever it does not, so that in
the long run just the wanted share is inside, whatever the data does (Gibbs & Candes, "Adaptive
conformal inference under distribution shift", NeurIPS 2021; on the score itself as in Angelopoulos,
Candes & Tibshirani, "Conformal PID control", NeurIPS 2023).

An alarm begins with a day outside of the interval of 99 % and ends with the first day inside of
that of 90 %.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from afflux.columns import F64, Bool
from models.contract import Arrays

WEEK = 7
HORIZONS = 7
"""Days ahead."""

COVERAGE = (0.9, 0.99)
"""Of the interval that is shown, and of the one that alarms go by."""

_START = (1.645, 2.576)
"""Of a normal distribution."""

_LEVEL, _SEASON, _TREND, _ROOT = np.array(
    list(itertools.product((0.01, 0.05, 0.1, 0.2, 0.4), (0.05, 0.1, 0.2), (0.0, 0.03), (0, 1)))
).T
_ROOTS = _ROOT > 0
"""Experts that work with square roots; the others with the volumes themselves."""
EXPERTS = len(_LEVEL)
_DAMPING = 0.98


@dataclass(frozen=True, slots=True)
class VolumeSettings:
    """The same for all series and data sets."""

    clip: float = 6.0
    """Typical errors; a larger step counts as this."""
    forget: float = 0.03
    """Of the errors that weights and intervals go by: about the last month."""
    memory: float = 0.01
    """The same of the errors that weights go by."""
    sharpness: float = 30.0
    """By how much an expert is preferred that errs by its whole error less."""
    pace: float = 0.1
    """Step of the multiple of an interval."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """(series, HORIZONS) of the days after the last closed one, in the unit of the series."""

    expected: F64
    low: F64
    high: F64


@dataclass(frozen=True, slots=True)
class Closed:
    """What a closed day says of the forecasts that were made for it, by series."""

    expected: F64
    """(series,) as forecast the day before; NaN in the first weeks."""
    low: F64
    high: F64
    alarm: Bool
    """Whether an alarm stands after this day."""
    began: Bool
    ended: Bool


class VolumeForecaster:
    """`series` series of the same consecutive days.

    >>> shop = VolumeForecaster(1)
    >>> for day in range(70):
    ...     _ = shop.close(np.array([400.0 if day % 7 < 5 else 100.0]))
    >>> shop.forecast().expected.round().astype(int).tolist()
    [[400, 400, 400, 400, 400, 100, 100]]
    """

    def __init__(self, series: int, settings: VolumeSettings | None = None) -> None:
        self._settings = settings or VolumeSettings()
        shape = (series, EXPERTS)
        self.days = 0
        self._first: F64 = np.zeros((series, WEEK))
        self._level: F64 = np.zeros(shape)
        self._trend: F64 = np.zeros(shape)
        self._typical: F64 = np.ones(shape)
        self._season: F64 = np.zeros((*shape, WEEK))
        self._error: F64 = np.zeros((series, HORIZONS, EXPERTS))
        self._spread: F64 = np.zeros((series, HORIZONS))
        self._multiple: F64 = np.tile(np.array(_START), (series, HORIZONS, 1))
        self._pending: F64 = np.full((HORIZONS, series, HORIZONS, EXPERTS), np.nan)
        self._combined: F64 = np.full((HORIZONS, series, HORIZONS), np.nan)
        self.alarm: Bool = np.zeros(series, np.bool_)

    def close(self, values: F64) -> Closed:
        """The next day is over: (series,) values, at least 0."""
        z = np.maximum(values, 0.0)
        if self.days < WEEK:
            self._first[:, self.days] = z
            self.days += 1
            if self.days == WEEK:
                self._begin()
            return self._nothing()
        verdict = self._judge(z)
        self._learn(z)
        self.days += 1
        self._look_ahead()
        return verdict

    def forecast(self) -> Forecast:
        """Of the next days; NaN before a week is over."""
        z = np.sqrt(self._combined[self.days % HORIZONS])
        reach = self._multiple[:, :, 0] * self._spread
        return Forecast(z**2, np.maximum(z - reach, 0.0) ** 2, (z + reach) ** 2)

    def _begin(self) -> None:
        first = _scaled(self._first[:, None, :])
        level = first.mean(axis=2)
        self._level[:] = level
        self._season[:] = first - level[:, :, None]
        self._typical[:] = np.maximum(first.std(axis=2), 0.5)
        self._spread[:] = np.maximum(np.sqrt(self._first).std(axis=1), 0.5)[:, None]
        self._error[:] = np.maximum(self._first.std(axis=1), 0.5)[:, None, None]
        self._look_ahead()

    def _judge(self, values: F64) -> Closed:
        """Alarms of the day; every horizon's interval moves by whether it held."""
        settings, rows = self._settings, np.arange(HORIZONS)
        made = (self.days - rows) % HORIZONS
        z, expected = np.sqrt(values), np.sqrt(self._combined[made, :, rows].T)
        known = np.isfinite(expected)
        off = np.abs(z[:, None] - np.where(known, expected, z[:, None]))
        reach = self._multiple * self._spread[:, :, None]
        outside = off[:, :, None] > reach
        one, spread = expected[:, 0], self._multiple[:, 0, 0] * self._spread[:, 0]
        was = self.alarm
        self.alarm = np.where(was, outside[:, 0, 0], outside[:, 0, 1])
        step = settings.pace * (outside - (1.0 - np.array(COVERAGE)))
        self._multiple = np.maximum(self._multiple + np.where(known[:, :, None], step, 0.0), 0.1)
        moved = self._spread + settings.forget * (_SIGMA * off - self._spread)
        self._spread = np.maximum(np.where(known, moved, self._spread), 1e-6)
        experts = self._pending[made, :, rows].transpose(1, 0, 2)
        wrong = np.abs(values[:, None, None] - experts)
        self._error += settings.memory * np.where(np.isfinite(wrong), wrong - self._error, 0.0)
        return Closed(
            one**2,
            np.maximum(one - spread, 0.0) ** 2,
            (one + spread) ** 2,
            self.alarm.copy(),
            self.alarm & ~was,
            was & ~self.alarm,
        )

    def _learn(self, values: F64) -> None:
        today = self.days % WEEK
        season = self._season[:, :, today]
        before = self._level + _DAMPING * self._trend
        off = _scaled(values[:, None, None])[:, :, 0] - before - season
        most = self._settings.clip * self._typical
        self._typical += self._settings.forget * (
            np.minimum(_SIGMA * np.abs(off), most) - self._typical
        )
        off = np.clip(off, -most, most)
        self._level = before + _LEVEL * off
        self._trend = _DAMPING * self._trend + _TREND * _LEVEL * off
        self._season[:, :, today] = season + _SEASON * (1.0 - _LEVEL) * off

    def _look_ahead(self) -> None:
        """Forecasts of days, days + 1, ... made before day `days`; kept until they are judged."""
        ahead = (self.days + np.arange(HORIZONS)) % WEEK
        slope = np.cumsum(_DAMPING ** np.arange(1, HORIZONS + 1))
        experts = self._level[:, None, :] + self._season[:, :, ahead].transpose(0, 2, 1)
        experts = np.maximum(experts + self._trend[:, None, :] * slope[:, None], 0.0)
        experts[:, :, _ROOTS] **= 2
        least = np.maximum(self._error.min(axis=2, keepdims=True), 1e-9)
        weight = np.exp(-self._settings.sharpness * (self._error / least - 1.0))
        weight /= weight.sum(axis=2, keepdims=True)
        at = self.days % HORIZONS
        self._pending[at] = experts
        self._combined[at] = (weight * experts).sum(axis=2)

    def _nothing(self) -> Closed:
        nan, no = np.full(len(self.alarm), np.nan), np.zeros(len(self.alarm), np.bool_)
        return Closed(nan, nan, nan, no, no, no)

    def state(self) -> Arrays:
        """All that it knows, as a copy."""
        return {
            "days": np.array([self.days]),
            "alarm": self.alarm.astype(np.int64),
            **{name: np.array(getattr(self, f"_{name}")) for name in _KEPT},
        }

    def load(self, arrays: Arrays) -> None:
        """Go on from there."""
        self.days = int(arrays["days"][0])
        self.alarm = arrays["alarm"] != 0
        for name in _KEPT:
            setattr(self, f"_{name}", np.array(arrays[name]))


def _scaled(values: F64) -> F64:
    """(series, EXPERTS, n) of (series, 1, n) volumes."""
    return np.where(_ROOTS[:, None], np.sqrt(values), values)


_SIGMA = float(np.sqrt(np.pi / 2))
"""Standard deviation of a normal distribution whose mean absolute deviation is 1."""

_KEPT = (
    "first", "level", "season", "trend", "typical", "error", "spread", "multiple", "pending",
    "combined",
)  # fmt: skip
