"""Figures of what was served, and the examples themselves where an oracle wants to learn them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afflux.columns import F64, I64, Bool
from afflux.scoring import Link
from models.contract import Model
from models.progressive import quality_of

_NAMES = {"auc": "auc", "log_loss": "logloss", "ece": "ece", "mae": "mae"}


def figures(link: Link, served: F64, labels: F64) -> dict[str, float]:
    """Figures of one column of predictions; the same code for online, batch and baseline."""
    quality = quality_of(link)
    quality.add(served, labels)
    return renamed(quality.figures())


def renamed(found: Mapping[str, float]) -> dict[str, float]:
    """Under the names of `afflux evaluate --json`; what does not apply is left out."""
    return {ours: found[theirs] for theirs, ours in _NAMES.items() if theirs in found}


@dataclass
class Column:
    """One model's examples that are compared."""

    link: Link
    since: int
    examples: int = 0
    positives: int = 0
    quality: Any = field(init=False)

    def __post_init__(self) -> None:
        self.quality = quality_of(self.link)

    def add(self, closed: NDArray[np.void]) -> None:
        """Judge those that count."""
        counts = (closed["open_ts"] >= self.since) & (closed["version"] != 0)
        kept = closed[["served", "label"]][counts]
        labels = kept["label"]
        self.examples += len(kept)
        self.positives += int(np.count_nonzero(labels > 0))
        self.quality.add(kept["served"].astype(np.float64), labels.astype(np.float64))

    def figures(self) -> dict[str, float]:
        """As in `afflux evaluate --json`."""
        return renamed(self.quality.figures())


class Judge:
    """A sink of the engine: figures of examples that opened from `since` (ms) on.

    Examples that were served before there was any snapshot are left out.
    """

    def __init__(self, models: Sequence[Model], since: int = -(2**62)) -> None:
        self.columns = {m.spec.name: Column(m.spec.link, since) for m in models}

    def __call__(self, closed: NDArray[np.void]) -> None:
        """Judge."""
        for m, column in enumerate(self.columns.values()):
            mine = closed["model"] == m
            if mine.any():
                column.add(closed[mine])


@dataclass(frozen=True)
class Examples:
    """All examples of one model in the order of their closing, as arrays."""

    deadline: I64
    """When the label is known, ms."""
    open_ts: I64
    vector: NDArray[np.float16]
    label: F64
    served: F64
    trained: Bool
    """Whether a learned snapshot had served them."""


class Kept:
    """A sink that keeps all examples in memory: about 100 bytes each."""

    _FIELDS = ("model", "deadline", "open_ts", "vector", "label", "served", "version")

    def __init__(self) -> None:
        self._parts: list[dict[str, NDArray[Any]]] = []

    def __call__(self, closed: NDArray[np.void]) -> None:
        """Keep."""
        self._parts.append({name: closed[name].copy() for name in self._FIELDS})

    def of(self, model: int) -> Examples:
        """Those of the model with this index."""
        parts = [(p, p["model"] == model) for p in self._parts]

        def column(name: str) -> NDArray[Any]:
            return np.concatenate([p[name][mine] for p, mine in parts])

        return Examples(
            column("deadline"), column("open_ts"), column("vector"), column("label"),
            column("served").astype(np.float64), column("version") != 0,
        )  # fmt: skip
