"""From counted days to forecasts: every segment a series, all closed days folded in order.

A forecast is a pure function of the closed days, and folding a year of them takes a fraction of a
second; so nothing about forecasts is stored, and a count that comes late corrects them by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from afflux.columns import F64, Kind
from afflux.volumes import NEW_PEOPLE, SEGMENTS, UNITS, segment_names
from models.volumes import HORIZONS, WEEK, Closed, Forecast, VolumeForecaster

MOST_DAYS = 800
"""Days that are folded, the newest ones."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """Forecasts of all series."""

    names: list[tuple[str, str]]
    """(segment, "events" or "revenue")."""
    first_day: int
    values: F64
    """(series, days) closed ones."""
    forecast: Forecast
    last: Closed
    """What the last closed day was, beside what was expected of it."""
    alarms: list[list[int]]
    """Days on which an alarm began, by series."""


def outlook(
    sums: Mapping[tuple[int, int], tuple[int, int]], open_day: int | None
) -> Outlook | None:
    """Of the days before `open_day`; None before there are two weeks of them.

    sums: (day, segment) -> (events, money in UNITS).
    """
    if open_day is None or not sums:
        return None
    first = max(min(day for day, _ in sums), open_day - MOST_DAYS)
    days = open_day - first
    if days < 2 * WEEK:
        return None
    events, money = np.zeros((SEGMENTS, days)), np.zeros((SEGMENTS, days))
    for (day, segment), (n, units) in sums.items():
        if first <= day < open_day and segment < SEGMENTS:
            events[segment, day - first] = n
            money[segment, day - first] = units / UNITS
    names, values = _series(events, money)
    forecaster = VolumeForecaster(len(values))
    alarms: list[list[int]] = [[] for _ in names]
    for at in range(days):
        last = forecaster.close(values[:, at])
        for i in last.began.nonzero()[0].tolist():
            alarms[i].append(first + at)
    return Outlook(names, first, values, forecaster.forecast(), last, alarms)


def _series(events: F64, money: F64) -> tuple[list[tuple[str, str]], F64]:
    """Everything, each kind that there is, new and returning people."""
    everything, spent = events[:NEW_PEOPLE].sum(axis=0), money[:NEW_PEOPLE].sum(axis=0)
    rows: list[tuple[str, str, F64]] = [
        ("all", "events", everything),
        ("all", "revenue", spent),
    ]
    for kind in Kind:
        if events[kind].any():
            rows.append((segment_names()[kind], "events", events[kind]))
    rows += [
        ("new people", "events", events[NEW_PEOPLE]),
        ("new people", "revenue", money[NEW_PEOPLE]),
        ("returning people", "events", everything - events[NEW_PEOPLE]),
        ("returning people", "revenue", spent - money[NEW_PEOPLE]),
    ]
    return [(segment, what) for segment, what, _ in rows], np.array([r for _, _, r in rows])


def described(found: Outlook | None, segment: str | None = None) -> dict[str, Any]:
    """What people and programs are shown.

    >>> described(None)
    {'closed_until': None, 'days': 0, 'forecasts': []}
    """
    if found is None:
        return {"closed_until": None, "days": 0, "forecasts": []}
    days = found.values.shape[1]
    shown = [
        _one(found, i)
        for i, (name, _) in enumerate(found.names)
        if segment is None or name == segment
    ]
    return {"closed_until": _date(found.first_day + days - 1), "days": days, "forecasts": shown}


def _one(found: Outlook, i: int) -> dict[str, Any]:
    segment, measure = found.names[i]
    next_day, ahead = found.first_day + found.values.shape[1], found.forecast
    return {
        "segment": segment,
        "measure": measure,
        "last": {
            "value": _short(found.values[i, -1]),
            "expected": _short(found.last.expected[i]),
            "low": _short(found.last.low[i]),
            "high": _short(found.last.high[i]),
        },
        "alarm": bool(found.last.alarm[i]),
        "alarms": [_date(day) for day in found.alarms[i][-_SHOWN:]],
        "ahead": [
            {
                "date": _date(next_day + h),
                "expected": _short(ahead.expected[i, h]),
                "low": _short(ahead.low[i, h]),
                "high": _short(ahead.high[i, h]),
            }
            for h in range(HORIZONS)
        ],
    }


_SHOWN = 10


def _short(value: Any) -> float:
    return round(float(value), 2)


def _date(day: int) -> str:
    return str(np.datetime64(day, "D"))
