"""Scoring of a feature matrix by frozen snapshots: plain arrays, no River."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from afflux import hurdle
from afflux.bins import BINS, bins_of, moved
from afflux.clusters import Clustering
from afflux.hurdle import HurdlePart
from afflux.names import ModelName

F32 = NDArray[np.float32]

FACTORS = 3
"""Top factors kept with a score."""

Link = Literal["probability", "amount"]


@dataclass(frozen=True, slots=True)
class LinearSnapshot:
    """A linear model as arrays: z = intercept + sum((x - mean) / scale * weights).

    link "probability": value = sigmoid(calibration[0] * z + calibration[1]), moved by bins.
    link "amount": value = max(0, expm1(z)), in the unit of the money of the events;
    the calibration is not used. With a hurdle the probability of z is that of any amount at all,
    and value is the median of the distribution that both parts make.
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
    """99 ascending ranks (`Scores.rank`) that part percentiles 1..100; may be empty."""
    trusted: bool
    examples: int
    """Labelled examples learned."""
    offset: int
    """Next offset of `training-examples` to learn: what the scorers compare for back-pressure."""
    hurdle: HurdlePart | None = None
    shifts: NDArray[np.float64] = field(default_factory=lambda: np.zeros(BINS))
    """How a probability is moved, by the bin of its log-odds (`afflux/bins.py`)."""


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
    """(n, m, FACTORS) signed part of that feature in the log-odds, or in ln(1 + amount)."""
    factor_value: NDArray[np.float16]
    """(n, m, FACTORS) the feature's value."""
    interval: F32
    """(n, m, 2) where an amount lies four times out of five; NaN of what has no interval."""
    rank: NDArray[np.float64]
    """(n, m) what percentiles go by: the value, of a hurdle the mean."""


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

    @property
    def clusters(self) -> Clustering | None:
        """What puts people into audience clusters; None before there are any."""
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
    """Scores of linear models. A row's scores do not depend on the rows beside it."""

    def __init__(
        self, snapshots: Sequence[LinearSnapshot], clusters: Clustering | None = None
    ) -> None:
        self.snapshots = tuple(snapshots)
        self._clusters = clusters
        self._hurdles = [(m, s.hurdle) for m, s in enumerate(snapshots) if s.hurdle is not None]
        linear: list[LinearSnapshot | HurdlePart] = [*snapshots]
        linear += [part for _, part in self._hurdles]
        self._coefficients = np.stack([s.weights / s.scale for s in linear])  # (m + hurdles, d)
        self._means = np.stack([s.mean for s in linear])
        self._intercepts = np.array([s.intercept for s in linear])
        self._slope, self._shift = np.array([s.calibration for s in snapshots]).T
        self._amount = np.array([s.link == "amount" for s in snapshots])
        plain = [s.link == "amount" and s.hurdle is None for s in snapshots]
        self._stretch = np.where(plain, 1.0, self._slope)[:, None]
        self._shifts = np.stack([s.shifts for s in snapshots])
        self._shifted = bool(self._shifts.any())
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

    @property
    def clusters(self) -> Clustering | None:
        """What puts people into audience clusters; None before there are any."""
        return self._clusters

    def score(self, matrix: NDArray[np.float16]) -> Scores:
        """Scores of the (n, features) matrix."""
        m = len(self.snapshots)
        parts = (matrix.astype(np.float64)[:, None, :] - self._means) * self._coefficients
        z = parts.sum(axis=2) + self._intercepts
        parts[:, :m] *= self._stretch
        probability, value = self._values(z[:, :m])
        rank, interval = value, np.full((*value.shape, 2), np.nan, np.float32)
        if self._hurdles:
            rank = value.copy()
        for h, (model, part) in enumerate(self._hurdles):
            p, amount = probability[:, model], z[:, m + h]
            low, value[:, model], high = hurdle.quantiles(p, amount, part)
            interval[:, model, 0], interval[:, model, 1] = low, high
            rank[:, model] = hurdle.mean(p, amount, part)
            parts[:, model] *= (1.0 - p)[:, None]
            parts[:, model] += parts[:, m + h]
        factor, contribution = strongest(parts[:, :m])
        seen = matrix[np.arange(len(matrix))[:, None, None], factor]
        return Scores(
            value.astype(np.float32), self._percentiles(rank), factor, contribution, seen,
            interval, rank,
        )  # fmt: skip

    def _values(self, z: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        odds = _clip(self._slope * z + self._shift, -_STEEPEST, _STEEPEST)
        probability = 1.0 / (1.0 + np.exp(-odds))
        if self._shifted:
            probability = moved(
                probability, self._shifts[np.arange(len(self.snapshots)), bins_of(odds)]
            )
        return probability, np.where(self._amount, np.expm1(_clip(z, 0.0, _STEEPEST)), probability)

    def _percentiles(self, rank: NDArray[np.float64]) -> NDArray[np.uint8]:
        percentile = np.zeros(rank.shape, np.uint8)
        for m, snapshot in enumerate(self.snapshots):
            if len(snapshot.cuts):
                percentile[:, m] = 1 + snapshot.cuts.searchsorted(rank[:, m])
        return percentile


_STEEPEST = 40.0
"""Log-odds and log-amounts are clipped here: sigmoid is 1 in float64, amounts fit float32."""

_LARGEST = 60_000.0


def _clip(x: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """As np.clip, which costs a few microseconds more a call."""
    return np.minimum(np.maximum(x, low), high)


def strongest(parts: NDArray[np.float64]) -> tuple[NDArray[np.uint8], NDArray[np.float16]]:
    """The FACTORS largest by size of the (n, m, features) parts, the strongest first."""
    flat = parts.reshape(-1, parts.shape[2])
    rows = np.arange(len(flat))[:, None]
    kept = min(FACTORS, parts.shape[2])
    factor = np.zeros((len(flat), FACTORS), np.uint8)
    contribution = np.zeros((len(flat), FACTORS))
    best = _largest(np.abs(flat), kept)
    factor[:, :kept] = best
    contribution[:, :kept] = flat[rows, best]
    shape = (*parts.shape[:2], FACTORS)
    signed = _clip(contribution, -_LARGEST, _LARGEST).astype(np.float16)
    return factor.reshape(shape), signed.reshape(shape)


def _largest(size: NDArray[np.float64], k: int) -> NDArray[np.int64]:
    """Indices of the k largest of each row, of equal ones the first; `size` is not kept."""
    if len(size) < _FEW:
        return (-size).argsort(axis=1, kind="stable")[:, :k]
    rows = np.arange(len(size))
    best = np.empty((len(size), k), np.int64)
    for i in range(k):
        best[:, i] = at = size.argmax(axis=1)
        size[rows, at] = -1.0
    return best


_FEW = 16
"""So few rows are sorted faster than searched k times."""

BUCKETS = ("low", "medium", "high")


def buckets(
    value: F32, percentile: NDArray[np.uint8], amount: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """Index into BUCKETS of (n, m) scores; `amount` (m,) tells the models of amounts.

    By percentile (below 34, below 67); while there are no cut points by thirds of the
    probability, and an amount above 0 is medium.

    >>> p = np.array([[0, 50], [90, 0]], np.uint8)
    >>> buckets(np.array([[0.9, 3], [0.9, 3]], np.float32), p, np.array([False, True])).tolist()
    [[2, 1], [2, 1]]
    """
    by_percentile = (percentile >= 34).astype(np.uint8) + (percentile >= 67)
    if percentile.size and percentile.min():
        return by_percentile
    by_value = np.where(amount, value > 0, (value >= 1 / 3).astype(np.uint8) + (value >= 2 / 3))
    return np.where(percentile > 0, by_percentile, by_value).astype(np.uint8)


def points(
    value: F32, percentile: NDArray[np.uint8], amount: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """Scores from 0 to 100: probabilities in percent, amounts by percentile."""
    percent = np.rint(100.0 * np.clip(np.nan_to_num(value), 0.0, 1.0))
    return np.where(amount, percentile, percent).astype(np.uint8)
