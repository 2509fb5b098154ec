"""What became of a model, in words and tables: entries, versions, challengers, segments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.table import Table

from launcher.model_report import in_words

if TYPE_CHECKING:
    from launcher.model_registry import Version
    from models.figures import Figures
    from models.history import Entry
    from models.snapshot import Snapshot


def when(ms: int) -> str:
    """A time as people read it; "-" for none.

    >>> when(1_700_000_000_000)
    '2023-11-14 22:13'
    """
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M}" if ms else "-"


def _table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        table.add_column(title, overflow="fold")
    return table


def entries_table(entries: Sequence[Entry]) -> Table:
    """One row an entry, the newest first."""
    table = _table("event time", "example", "what", "by", "", "figures")
    for entry in reversed(entries):
        figures = ", ".join(f"{k} {_number(v)}" for k, v in entry.figures.items())
        table.add_row(
            when(entry.at), f"{entry.example:,}", entry.kind, entry.by, entry.text, figures
        )
    return table


def versions_table(versions: Iterable[Version]) -> Table:
    """One row a stored snapshot."""
    table = _table("version", "event time", "examples", "offset", "recipe", "", "recent")
    for version in versions:
        about = version.about
        marks = [word for word in ("current", "kept") if getattr(version, word)]
        marks += ["held"] * bool(about.get("held"))
        table.add_row(
            version.version, when(about.get("time", 0)), f"{about.get('examples', 0):,}",
            f"{about.get('offset', 0):,}", about.get("champion", ""), ", ".join(marks),
            in_words(about.get("metrics", {}), "recent_"),
        )  # fmt: skip
    return table


def contenders(snapshot: Snapshot, costs: Mapping[str, float]) -> list[dict[str, Any]]:
    """Champion and challengers, with recipe, standing and cost (µs an example)."""
    return [
        {
            "name": name, "serves": name == snapshot.champion,
            "held": name == snapshot.champion and snapshot.held, "recipe": dict(recipe),
            "cost_us": costs.get(name), **dict(snapshot.standing.get(name, {})),
        }
        for name, recipe in snapshot.recipes.items()
    ]  # fmt: skip


def contenders_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """One row each; losses are over the recent examples that both were judged by."""
    table = _table(
        "recipe", "", "µs an example", "examples", "loss", "champion's", "better by", "surely by"
    )
    for row in rows:
        serves = "held" if row["held"] else "serves" if row["serves"] else "in shadow"
        cost = row["cost_us"]
        judged = [
            row.get(name) for name in
            ("examples", "challenger_loss", "champion_loss", "gain", "gain_at_least")
        ]  # fmt: skip
        table.add_row(
            row["name"], serves, "-" if cost is None else f"{cost:.1f}",
            *("-" if value is None else _number(value) for value in judged),
        )  # fmt: skip
    return table


def segments_table(known: Figures) -> Table:
    """One row a segment, everybody first."""
    table = _table("segment", "judged", "since the start", "recent")
    for name, figures in {"all": known.metrics, **known.segments}.items():
        table.add_row(
            name, f"{figures.get('evaluated', 0):,.0f}", in_words(figures, ""),
            in_words(figures, "recent_"),
        )  # fmt: skip
    return table


def curve_table(figures: Figures) -> Table | None:
    """The calibration of the recent examples; None of amounts."""
    if "all" not in figures.curves:
        return None
    table = _table("served probability", "share of positives", "examples")
    for examples, probability, share in figures.curves["all"][1]:
        table.add_row(f"{probability:.3f}", f"{share:.3f}", f"{examples:,.0f}")
    return table


def _number(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.4f}"
