"""What an evaluation has found: one value, which can be written as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Figures = Mapping[str, float]


@dataclass(frozen=True)
class ModelResult:
    """Of one model, over the examples that are compared."""

    outcome: str
    """In words."""
    examples: int
    positives: int
    figures: Figures
    batch: Mapping[str, Figures] = field(default_factory=dict)
    """Name of the column -> its figures on the same rows; empty if nothing was compared."""
    baselines: Mapping[str, Figures] = field(default_factory=dict)
    """Of what needs no model, on the same rows: its name -> its figures."""

    def to_json(self) -> dict[str, Any]:
        """Figures that do not apply are left out."""
        found: dict[str, Any] = {"examples": self.examples, "positives": self.positives}
        found |= _rounded(self.figures)
        if self.batch:
            found["batch"] = {name: _rounded(f) for name, f in self.batch.items()}
        if self.baselines:
            found["baselines"] = {name: _rounded(f) for name, f in self.baselines.items()}
        return found


@dataclass(frozen=True)
class Result:
    """The JSON object of `afflux evaluate --json`, and notes for people."""

    events: int
    profiles: int
    seconds: float
    models: Mapping[str, ModelResult]
    notes: Sequence[str] = ()

    def to_json(self) -> dict[str, Any]:
        """One object, numbers rounded to what they are worth."""
        return {
            "events": self.events,
            "profiles": self.profiles,
            "seconds": round(self.seconds, 2),
            "models": {name: model.to_json() for name, model in self.models.items()},
        }


def _rounded(figures: Figures) -> dict[str, float]:
    return {name: round(value, 4) for name, value in figures.items()}
