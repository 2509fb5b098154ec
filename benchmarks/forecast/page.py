"""The figures of the forecasts as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_HEAD = """\
# Daily volumes: online forecasts beside seasonal-naive and Holt-Winters refitted weekly

`python -m benchmarks.forecast.run --write`. MASE after the first 8 weeks, one day and seven days
ahead; smaller is better. Coverage is that of the interval of 90 % for the next day; alarms are days
on which one began (outside of the interval of 99 %).
"""

_COLUMNS = ("online", "holt_winters", "naive")


def page(found: Mapping[str, Mapping[str, Any]]) -> str:
    """All of it."""
    lines = [_HEAD]
    for name, of in found.items():
        lines += [
            f"## {name}: {of['days']} days, {of['us_a_day_and_series']} µs a day and series",
            "",
            "| series | 1 day: online | Holt-Winters | naive | 7 days: online | Holt-Winters "
            "| naive | coverage | alarms |",
            "|---|---|---|---|---|---|---|---|---|",
        ]
        for row in [*of["series"], {"series": "mean", **of["mean"], "alarms": ""}]:
            cells = [_best(row, h) for h in (1, 7)]
            lines.append(
                f"| {row['series']} | {' | '.join(cells)} | {row['coverage_90']} "
                f"| {row['alarms']} |"
            )
        lines.append("")
    return "\n".join(lines)


def _best(row: Mapping[str, Any], h: int) -> str:
    figures = [row[f"{who}_{h}"] for who in _COLUMNS]
    least = min(figures)
    return " | ".join(f"**{x:.3f}**" if x == least else f"{x:.3f}" for x in figures)
