"""Hour of the day and day of the week, as points on circles (UTC)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from afflux.columns import F64, I64
from afflux.features.contract import Cut, FieldList, Fields
from afflux.limits import HOUR_MS

_EPOCH_HOUR = 3 * 24
"""1970-01-01 was a Thursday; a week begins on Monday."""


def _circle(steps: int) -> F64:
    turns = [2 * math.pi * i / steps for i in range(steps)]
    return np.array([(math.sin(a), math.cos(a)) for a in turns])


_WEEK = np.concatenate([np.tile(_circle(24), (7, 1)), np.repeat(_circle(7), 24, axis=0)], axis=1)
"""(168, 4) values of each hour of a week."""


class CalendarCycles:
    """Sine and cosine of hour and weekday; nothing is stored."""

    fields: FieldList = ()
    names: Sequence[str] = ("hour_sin", "hour_cos", "weekday_sin", "weekday_cos")
    phrases: Sequence[str] = ("time of day", "time of day", "day of the week", "day of the week")

    def update(self, rows: Fields, cut: Cut) -> None:
        """Nothing to keep."""

    def merge(self, merged: Fields, rows: Fields, owner: I64) -> None:
        """Nothing to merge."""

    def values(self, rows: Fields, at: I64) -> F64:
        """Of the time `at`."""
        values: F64 = _WEEK[(at // HOUR_MS + _EPOCH_HOUR) % len(_WEEK)]
        return values
