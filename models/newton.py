"""Second-order linear models on arrays: blocks of examples, each learned by two Newton steps.

A constant step (`models/linear.py`) has to be small for the noisiest feature and is then slow for
all others. Here the curvature H of all examples so far says how far each direction may still move.
A block X with targets y is learned implicitly, so that no block can throw the model off:

    w' = argmin  loss(y, X w') + (w' - w)^T (H + damping V) (w' - w) / 2
    H' = (1 - forget)^n H + X^T diag(loss''(X w')) X

with V the variances of the features, so that no step depends on their scale. That is the iterated
extended Kalman filter of a linear model with full covariance (Bell and Cathey, IEEE Transactions
on Automatic Control 38(2), 1993), in the form that inverts nothing between blocks.

Blocks grow with the examples seen, from 8 to 128, so the first scores come early; examples that do
not fill a block wait in the state. Block ends depend on the count of examples only: the bits do not
depend on how the examples came in. Linear scores are those of the weights before the block.
"""

from __future__ import annotations

import numpy as np

from afflux.columns import F64
from models.contract import Arrays, LinearState, NewtonRecipe, Vectors
from models.fake_negatives import weights

_SMALLEST_BLOCK = 8
_LARGEST_BLOCK = 128
_SLICE = 64
"""Products of more rows would wake OpenBLAS's threads, which on a busy machine wait for each other
for longer than all of it takes; and their number would decide about the last bit."""

_GROWTH = 8
"""A block has an eighth of the examples seen."""

_STEPS = 2
_VARIANCE_PRIOR = 100.0
"""Examples of variance 1 that every feature starts with."""

_LEAST_VARIANCE = 1e-3
_INTERCEPT_DAMPING = 1e-2
_LEAST_CURVATURE = 1e-3
_STEEPEST = 30.0


class NewtonLearner:
    """Implements `contract.LinearLearner`.

    event: the label of what happens where examples come early (`models/fake_negatives.py`); their
    weights are by the model before the block.
    """

    def __init__(self, recipe: NewtonRecipe, features: int, event: float | None = None) -> None:
        self._recipe = recipe
        self._event = event
        self._count = 0
        self._total, self._squares = np.zeros(features), np.zeros(features)
        self._weights = np.zeros(features + 1)  # the intercept first
        self._curvature = np.zeros((features + 1, features + 1))
        self._waiting: F64 = np.empty((0, features + 1))
        self._targets = np.empty(0)

    def learn(self, x: Vectors, targets: F64) -> list[float]:
        """Learn (n, features) in order; the linear score of each before its block."""
        z = np.ones((len(x), x.shape[1] + 1))
        z[:, 1:] = x
        scores: list[float] = []
        while len(scores) < len(z):
            at = len(scores)
            take = self._block - len(self._waiting)
            part = z[at : at + take]
            scores += scored(part, self._weights).tolist()
            self._waiting = np.concatenate([self._waiting, part])
            self._targets = np.concatenate([self._targets, targets[at : at + take]])
            if len(part) == take:
                self._step()
        return scores

    def predict(self, x: Vectors) -> F64:
        """Linear scores; changes nothing."""
        z = scored(x.astype(np.float64), self._weights[1:]) + self._weights[0]
        return np.asarray(z)

    @property
    def state(self) -> LinearState:
        """What scorers need: weights of scaled features."""
        some = max(self._count, 1)
        mean = self._total / some
        squares = np.maximum(self._squares - self._total * mean, 0.0)
        state = LinearState(self._count, self._total.copy(), squares, mean, 0.0)
        weights = self._weights[1:] * state.scale
        intercept = float(self._weights[0] + scored(mean[None], self._weights[1:])[0])
        return LinearState(self._count, state.total, squares, weights, intercept)

    def memory(self) -> Arrays:
        """All that it knows, as a copy."""
        return {
            "newton.count": np.array([self._count]),
            "newton.moments": np.stack([self._total, self._squares]),
            "newton.weights": self._weights.copy(),
            "newton.curvature": self._curvature.copy(),
            "newton.waiting": self._waiting[:, 1:].astype(np.float16),
            "newton.targets": self._targets.copy(),
        }

    def load(self, state: LinearState, memory: Arrays) -> None:
        """Go on from there; `state` follows from the memory."""
        self._count = int(memory["newton.count"][0])
        self._total, self._squares = memory["newton.moments"].copy()
        self._weights = memory["newton.weights"].copy()
        self._curvature = memory["newton.curvature"].copy()
        waiting = memory["newton.waiting"]
        self._waiting = np.ones((len(waiting), len(self._weights)))
        self._waiting[:, 1:] = waiting
        self._targets = memory["newton.targets"].copy()

    @property
    def _block(self) -> int:
        return min(max(_SMALLEST_BLOCK, self._count // _GROWTH), _LARGEST_BLOCK)

    def _step(self) -> None:
        x, y = self._waiting, self._targets
        self._count += len(x)
        self._total += x[:, 1:].sum(axis=0)
        self._squares += (x[:, 1:] * x[:, 1:]).sum(axis=0)
        self._curvature *= (1.0 - self._recipe.forget) ** len(x)
        held = self._curvature + np.diag(self._damping())
        w, weight = self._weights, self._weigh(x, y)
        for _ in range(_STEPS):
            pull, bend = self._slopes(x @ w, y)
            gradient = x.T @ (weight * pull) - held @ (w - self._weights)
            w = w + np.linalg.solve(held + _bent(x, weight * bend), gradient)
        bend = weight * np.maximum(self._slopes(x @ w, y)[1], _LEAST_CURVATURE)
        self._curvature += _bent(x, bend)
        self._weights = w
        self._waiting, self._targets = x[:0], y[:0]

    def _damping(self) -> F64:
        mean = self._total / self._count
        squares = self._squares - self._total * mean
        variance = (squares + _VARIANCE_PRIOR) / (self._count + _VARIANCE_PRIOR)
        damping = self._recipe.damping * np.maximum(variance, _LEAST_VARIANCE)
        return np.concatenate([[_INTERCEPT_DAMPING], damping])

    def _weigh(self, x: F64, y: F64) -> F64:
        """What each example of the block counts."""
        if self._event is None:
            return np.ones(len(y))
        return weights(_probability(x @ self._weights), y, self._event)

    def _slopes(self, z: F64, y: F64) -> tuple[F64, F64]:
        """Minus the first and the second derivative of the loss at linear scores z."""
        if self._recipe.loss == "log":
            p = _probability(z)
            return y - p, p * (1.0 - p)
        off = y - z
        bend = self._recipe.huber / np.maximum(np.abs(off), self._recipe.huber)
        return bend * off, bend


def _probability(z: F64) -> F64:
    return np.asarray(1.0 / (1.0 + np.exp(-np.minimum(np.maximum(z, -_STEEPEST), _STEEPEST))))


def _bent(x: F64, bend: F64) -> F64:
    """x^T diag(bend) x."""
    total = np.zeros((x.shape[1], x.shape[1]))
    for at in range(0, len(x), _SLICE):
        part = x[at : at + _SLICE]
        total += (part.T * bend[at : at + _SLICE]) @ part
    return total


def scored(x: F64, weights: F64) -> F64:
    """X @ weights, where a row's bits do not depend on the rows beside it."""
    return np.asarray((x * weights).sum(axis=1))
