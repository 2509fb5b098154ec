"""Linear models on arrays, equal to River's StandardScaler | (Logistic|Linear)Regression.

River learns an example in about 30 µs, this in about 3. What River does a feature at a time is
done here for a block at once where no step depends on the one before (the scaler), and for all
features at once where it does (the descent). The bits do not depend on the blocks.

Scaler, Welford's recurrence as sums (Welford, Technometrics 4(3), 1962), for example k:

    total_k = total_{k-1} + x_k            mean_k = total_k / k
    squares_k = squares_{k-1} + (x_k - mean_{k-1}) (x_k - mean_k)
    z_k = (x_k - mean_k) / sqrt(squares_k / k), 0 where nothing varies

Descent: g = loss'(w·z + b), clipped; w -= rate · g · z; b -= intercept_rate · g.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from afflux.columns import F64
from models.calibration import sigmoid
from models.contract import Arrays, LinearRecipe, LinearState, Vectors

Slope = Callable[[float, float], float]
"""Derivative of a loss: (linear score, target) -> slope."""


class ArrayLearner:
    """Implements `contract.LinearLearner`.

    event: the label of what happens where examples come early (`models/fake_negatives.py`).
    """

    def __init__(self, recipe: LinearRecipe, features: int, event: float | None = None) -> None:
        self._recipe = recipe
        self._slope = slope_of(recipe) if event is None else weighted(slope_of(recipe), event)
        self._step = np.empty(features)
        self.load(LinearState.new(features, recipe))

    def learn(self, x: Vectors, targets: F64) -> list[float]:
        """Learn (n, features) in order; the linear score of each just before its step."""
        if not len(x):
            return []
        return self._descend(self._scale(x.astype(np.float64)), targets.tolist())

    def predict(self, x: Vectors) -> F64:
        """Linear scores; changes nothing."""
        state = self.state
        z = (x.astype(np.float64) - state.mean) / state.scale
        return np.asarray((z * state.weights).sum(axis=1) + state.intercept, np.float64)

    @property
    def state(self) -> LinearState:
        """All that it knows, as a copy."""
        return LinearState(
            self._count,
            self._total.copy(),
            self._squares.copy(),
            self._weights.copy(),
            self._intercept,
        )

    def memory(self) -> Arrays:
        """Nothing: the state is all."""
        return {}

    def load(self, state: LinearState, memory: Arrays | None = None) -> None:
        """Go on from there."""
        self._count = state.count
        self._total = state.total.copy()
        self._squares = state.squares.copy()
        self._weights = state.weights.copy()
        self._intercept = state.intercept

    def _scale(self, x: F64) -> F64:
        """Each example scaled with what was known including itself."""
        n = len(x)
        count = np.arange(self._count, self._count + n + 1, dtype=np.float64)[:, None]
        total = np.add.accumulate(np.concatenate([self._total[None], x]))
        mean = total / np.maximum(count, 1.0)
        off = x - mean[1:]
        added = (x - mean[:-1]) * off
        squares = np.add.accumulate(np.concatenate([self._squares[None], added]))
        self._count += n
        self._total, self._squares = total[n].copy(), squares[n].copy()
        deviation = np.sqrt(squares[1:] / count[1:])
        scaled = np.zeros_like(x)
        np.divide(off, deviation, out=scaled, where=deviation > 0)
        return scaled

    def _descend(self, scaled: F64, targets: list[float]) -> list[float]:
        weights, step, slope = self._weights, self._step, self._slope
        rate, intercept_rate = self._recipe.rate, self._recipe.intercept_rate
        clip, intercept = self._recipe.clip, self._intercept
        dot, multiply, subtract = weights.dot, np.multiply, np.subtract
        scores = []
        for z, target in zip(scaled, targets, strict=True):
            score = float(dot(z)) + intercept
            g = slope(score, target)
            if not -clip <= g <= clip:
                g = math.copysign(clip, g)
            intercept -= intercept_rate * g
            multiply(z, rate * g, step)
            subtract(weights, step, weights)
            scores.append(score)
        self._intercept = intercept
        return scores


def slope_of(recipe: LinearRecipe) -> Slope:
    """The derivative of the recipe's loss."""
    if recipe.loss == "log":
        return log_slope
    epsilon = recipe.huber
    return lambda score, target: min(epsilon, max(-epsilon, score - target))


def weighted(slope: Slope, event: float) -> Slope:
    """The derivative of a loss whose examples weigh what `models/fake_negatives.py` says.

    >>> weighted(log_slope, event=1.0)(0.0, 1.0), weighted(log_slope, event=1.0)(0.0, 0.0)
    (-0.75, 0.375)
    """

    def of_early(score: float, target: float) -> float:
        p = sigmoid(score)
        f = p if event == 1.0 else 1.0 - p
        weight = 1.0 + f if target == event else (1.0 - f) * (1.0 + f)
        return weight * slope(score, target)

    return of_early


def log_slope(score: float, target: float) -> float:
    """Of the logistic loss, with the cut-offs of River's `losses.Log`.

    >>> log_slope(0.0, 1.0), log_slope(0.0, 0.0), log_slope(-1e9, 1.0)
    (-0.5, 0.5, -1.0)
    """
    sign = 1.0 if target else -1.0
    z = score * sign
    if z > 18.0:
        return -sign * math.exp(-z)
    if z < -18.0:
        return -sign
    return -sign / (math.exp(z) + 1.0)
