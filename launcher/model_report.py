"""What is known of the models of an installation, for people and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from afflux.outcomes import ModelSpec
from models.envelope import version_name
from models.figures import figures_of
from models.snapshot import Snapshot

FIGURES = (
    ("auc", "AUC", "{:.3f}"),
    ("log_loss", "log-loss", "{:.3f}"),
    ("base_log_loss", "of a constant", "{:.3f}"),
    ("brier", "Brier", "{:.4f}"),
    ("ece", "calibration error", "{:.3f}"),
    ("mae", "mean error", "{:,.2f}"),
    ("base_mae", "of a constant", "{:,.2f}"),
    ("gini", "Gini", "{:.3f}"),
    ("pinball", "pinball", "{:,.2f}"),
    ("base_pinball", "of a constant", "{:,.2f}"),
    ("coverage", "in the interval", "{:.0%}"),
)
"""Name in the metrics of a snapshot, in words, and how it is written."""


@dataclass(frozen=True, slots=True)
class Known:
    """A model and its current snapshot, None before the first."""

    spec: ModelSpec
    version: int
    snapshot: Snapshot | None

    def as_json(self, segments: bool = False) -> dict[str, Any]:
        """Everything, with the names of the metrics of `model-updates`."""
        about: dict[str, Any] = {"model": self.spec.name, "predicts": self.spec.outcome.describe()}
        if self.snapshot is None:
            return about | {"version": None, "examples": 0, "trusted": False, "metrics": {}}
        snapshot = self.snapshot
        figures = figures_of(snapshot)
        about |= {
            "version": version_name(self.version),
            "examples": snapshot.examples,
            "trusted": snapshot.trusted,
            "learned_offset": snapshot.offset,
            "metrics": dict(figures.metrics),
            "champion": snapshot.champion,
            "held": snapshot.held,
            "challengers": [name for name in snapshot.recipes if name != snapshot.champion],
            "feature_set": snapshot.feature_set,
            "drifts": dict(zip(("worse", "better"), snapshot.drifts, strict=True)),
            "last_drift": _last_drift(snapshot),
        }
        if segments:
            about["segments"] = {name: dict(f) for name, f in figures.segments.items()}
            about["calibration"] = {
                name: {"since_start": whole, "recent": recent}
                for name, (whole, recent) in figures.curves.items()
            }
        return about


def _last_drift(snapshot: Snapshot) -> dict[str, Any] | None:
    drifts = [entry for entry in snapshot.history if entry.kind == "drift"]
    return drifts[-1].as_json() if drifts else None


_TITLES = (
    "model", "predicts", "version", "examples", "trusted", "drift", "since the start", "recent",
)  # fmt: skip


def overview(models: Sequence[Known]) -> Table:
    """One row a model: figures since the start, and over the recent examples."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in _TITLES:
        table.add_column(title, overflow="fold")
    for known in models:
        facts = known.as_json()
        metrics: Mapping[str, float] = facts["metrics"]
        table.add_row(
            facts["model"],
            facts["predicts"],
            facts["version"] or "none yet",
            f"{facts['examples']:,}",
            "yes" if facts["trusted"] else "no",
            _drift_in_words(known.snapshot),
            in_words(metrics, ""),
            in_words(metrics, "recent_"),
        )
    return table


def _drift_in_words(snapshot: Snapshot | None) -> str:
    """How often the loss rose, and when last."""
    drifts = [] if snapshot is None else [e for e in snapshot.history if e.kind == "drift"]
    if snapshot is None or not drifts:
        return "-"
    last = drifts[-1].figures
    worse, _ = snapshot.drifts
    loss = f"{last['loss_before']:.3f} to {last['loss_after']:.3f}"
    return f"{worse} for the worse, last {loss} at example {drifts[-1].example:,}"


def in_words(metrics: Mapping[str, float], prefix: str) -> str:
    """The figures that there are.

    >>> in_words({"auc": 0.8712, "ece": 0.012, "recent_auc": 0.9}, "")
    'AUC 0.871, calibration error 0.012'
    """
    said = [
        f"{words} {form.format(metrics[prefix + name])}"
        for name, words, form in FIGURES
        if prefix + name in metrics
    ]
    return ", ".join(said) or "-"
