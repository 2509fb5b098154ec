"""Forecasts of daily volumes beside seasonal-naive and Holt-Winters refitted every week.

    python -m benchmarks.forecast.run [--write]

Forecasts are made at the end of every day for the next day and for the day a week ahead, from the
days until then. Holt-Winters is fitted anew every week on all days until then and updated with
each day in between. After 8 weeks; MASE is the mean absolute error over that of seasonal-naive in
those first 8 weeks (Hyndman & Koehler, "Another look at measures of forecast accuracy", 2006).
Settings are those of `models/volumes.py` for both data sets.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

from afflux.columns import F64
from benchmarks.forecast.holt_winters import WEEK, fit
from benchmarks.forecast.page import page
from benchmarks.forecast.series import Volumes, volumes
from launcher.data.names import Name
from models.volumes import VolumeForecaster

RESULTS = Path(__file__).parents[1] / "results"
DATA = (Name.completejourney, Name.cdnow)
HORIZONS = (1, 7)
FROM = 8 * WEEK


def online(values: F64) -> tuple[dict[int, F64], F64, F64, float]:
    """Forecasts by horizon, whether days were inside of 90 %, alarms, µs a day and series."""
    series, days = values.shape
    ahead = {h: np.full((series, days + h), np.nan) for h in HORIZONS}
    inside, alarms = np.zeros((series, days)), np.zeros(series)
    forecaster, began = VolumeForecaster(series), process_time()
    for day in range(days):
        closed = forecaster.close(values[:, day])
        inside[:, day] = (closed.low <= values[:, day]) & (values[:, day] <= closed.high)
        if day >= FROM:
            alarms += closed.began
        expected = forecaster.forecast().expected
        for h in HORIZONS:
            ahead[h][:, day + h] = expected[:, h - 1]
    cost = 1e6 * (process_time() - began) / values.size
    return {h: of[:, :days] for h, of in ahead.items()}, inside[:, FROM:], alarms, cost


def refitted(values: F64) -> dict[int, F64]:
    """Holt-Winters by horizon."""
    series, days = values.shape
    ahead = {h: np.full((series, days + h), np.nan) for h in HORIZONS}
    for i, one in enumerate(values):
        model = fit(one[: FROM - WEEK])
        for day in range(FROM - WEEK, days):
            # The day of the fit is in its history; between fits each day is an update.
            model = fit(one[: day + 1]) if day % WEEK == 0 else model.updated(one[day])
            for h in HORIZONS:
                ahead[h][i, day + h] = model.ahead(h)
    return {h: of[:, :days] for h, of in ahead.items()}


def run(data: Volumes) -> dict[str, Any]:
    """Figures of one data set."""
    values = data.values
    mine, inside, alarms, cost = online(values)
    theirs = refitted(values)
    naive = np.full_like(values, np.nan)
    naive[:, WEEK:] = values[:, :-WEEK]
    scale = np.abs(values[:, WEEK:FROM] - values[:, : FROM - WEEK]).mean(axis=1)

    def mase(forecast: F64) -> list[float]:
        errors = np.abs(values[:, FROM:] - forecast[:, FROM:]).mean(axis=1)
        return (errors / scale).round(3).tolist()  # type: ignore[no-any-return]

    columns = {
        f"{who}_{h}": mase(of[h])
        for h in HORIZONS
        for who, of in (("online", mine), ("holt_winters", theirs), ("naive", {1: naive, 7: naive}))
    }
    each = [
        {
            "series": name,
            **{key: column[i] for key, column in columns.items()},
            "coverage_90": round(float(inside[i].mean()), 3),
            "alarms": int(alarms[i]),
        }
        for i, name in enumerate(data.names)
    ]
    mean = {key: round(float(np.mean(column)), 3) for key, column in columns.items()}
    return {
        "days": values.shape[1],
        "mean": {**mean, "coverage_90": round(float(inside.mean()), 3)},
        "us_a_day_and_series": round(cost, 2),
        "series": each,
    }


def main() -> None:
    """Run both data sets, and print the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    found = {name.value: run(volumes(name)) for name in DATA}
    text = page(found)
    if options.write:
        (RESULTS / "forecast.json").write_text(json.dumps(found, indent=1) + "\n")
        (RESULTS / "forecast.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
