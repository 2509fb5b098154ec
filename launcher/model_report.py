"""What is known of the models of an installation, for people and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from afflux.outcomes import ModelSpec
from models.envelope import version_name
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
)
"""Name in the metrics of a snapshot, in words, and how it is written."""


@dataclass(frozen=True, slots=True)
class Known:
    """A model and its current snapshot, None before the first."""

    spec: ModelSpec
    version: int
    snapshot: Snapshot | None

    def as_json(self) -> dict[str, Any]:
        """Everything, with the names of the metrics of `model-updates`."""
        about: dict[str, Any] = {"model": self.spec.name, "predicts": self.spec.outcome.describe()}
        if self.snapshot is None:
            return about | {"version": None, "examples": 0, "trusted": False, "metrics": {}}
        return about | {
            "version": version_name(self.version),
            "examples": self.snapshot.examples,
            "trusted": self.snapshot.trusted,
            "learned_offset": self.snapshot.offset,
            "metrics": dict(self.snapshot.metrics),
        }


_TITLES = ("model", "predicts", "version", "examples", "trusted", "since the start", "recent")


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
            in_words(metrics, ""),
            in_words(metrics, "recent_"),
        )
    return table


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
