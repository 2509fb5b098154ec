"""Scoring of a feature matrix by frozen snapshots: plain arrays, no River."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from afflux.names import ModelName

F32 = NDArray[np.float32]

FACTORS = 3
"""Top factors kept with a score."""

Link = Literal["probability", "amount"]


@dataclass(frozen=True, slots=True)
class LinearSnapshot:
    """A linear model as arrays: z = intercept + sum((x - mean) / scale * weights).

    link "probability": value = sigmoid(calibration[0] * z + calibration[1]).
    link "amount": value = max(0, expm1(z)), in the unit of the money of the events;
    the calibration is not used.
    """

    model: ModelName
    link: Link
    version: int
    """First 8 bytes of the hash of the snapshot's content; 0 is the untrained model."""
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    """Standard deviations, 1 where a feature does not vary (as River does)."""
    weights: NDArray[np.float64]
    intercept: float
    calibration: tuple[float, float]
    cuts: NDArray[np.float64]
    """99 ascending values that part the served values into percentiles 1..100; may be empty."""
    trusted: bool
    examples: int
    """Labelled examples learned."""
    offset: int
    """Next offset of `training-examples` to learn: what the scorers compare for back-pressure."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of n rows by m models."""

    value: F32
    """(n, m) probability or amount."""
    percentile: NDArray[np.uint8]
    """(n, m) 1..100; 0 while there are no cut points."""
    factor: NDArray[np.uint8]
    """(n, m, FACTORS) index of a feature, the strongest first."""
    contribution: NDArray[np.float16]
    """(n, m, FACTORS) signed part in z of that feature."""


class Scorer(Protocol):
    """What the step needs: scores of a float16 feature matrix, models in the catalog's order."""

    @property
    def versions(self) -> NDArray[np.uint64]:
        """(m,) snapshot versions; 0 untrained."""
        ...

    @property
    def trusted(self) -> NDArray[np.bool_]:
        """(m,) whether the model is past its quality gate."""
        ...

    def score(self, matrix: NDArray[np.float16]) -> Scores:
        """Scores of the (n, features) matrix."""
        ...


def untrained(model: ModelName, link: Link, features: int) -> LinearSnapshot:
    """The snapshot before the first one: probability 0.5, or amount 0, not trusted."""
    return LinearSnapshot(
        model, link, 0, np.zeros(features), np.ones(features), np.zeros(features),
        0.0, (1.0, 0.0), np.empty(0), False, 0, 0,
    )  # fmt: skip


class LinearScorer:
    """All linear models share one matrix product."""

    def __init__(self, snapshots: Sequence[LinearSnapshot]) -> None:
        self.snapshots = tuple(snapshots)
        self._coefficients = np.stack([s.weights / s.scale for s in snapshots], 1)  # (d, m)
        self._means = np.stack([s.mean for s in snapshots])
        self._intercepts = np.array([s.intercept for s in snapshots])
        self._calibration = np.array([s.calibration for s in snapshots])
        self._amount = np.array([s.link == "amount" for s in snapshots])
        self._versions = np.array([s.version for s in snapshots], np.uint64)
        self._trusted = np.array([s.trusted for s in snapshots], np.bool_)

    @property
    def versions(self) -> NDArray[np.uint64]:
        """(m,) snapshot versions; 0 untrained."""
        return self._versions

    @property
    def trusted(self) -> NDArray[np.bool_]:
        """(m,) whether the model is past its quality gate."""
        return self._trusted

    def score(self, matrix: NDArray[np.float16]) -> Scores:
        """Scores of the (n, features) matrix."""
        raise NotImplementedError
