"""The vocabulary of models: declare, learn, predict, export, snapshot.

A model is one file with a value `MODEL`: what it predicts, of whom, and its River pipeline as a
function, so that importing a model never imports River. The learners are arrays: those of a
`LinearRecipe` (`models/linear.py`) do the very arithmetic of that pipeline, `models/laws.py` checks
it; those of a `NewtonRecipe` (`models/newton.py`) learn faster than any that River has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from afflux.columns import F64
from afflux.hurdle import HurdlePart
from afflux.names import AffluxError
from afflux.outcomes import ModelSpec
from models.segments import BY_ORDERS, Segments

Vectors = NDArray[np.float16]
"""(n, features) as they were scored: float16, so sums in float64 are exact for long."""

Arrays = Mapping[str, NDArray[Any]]
"""The state of a part as named arrays: what a snapshot keeps of it."""

Loss = Literal["log", "huber"]


class ModelError(AffluxError):
    """A model is declared wrongly, or was given what it cannot use."""


@dataclass(frozen=True, slots=True)
class LinearRecipe:
    """Scaling and stochastic gradient descent of a linear model, River's way.

    loss "log" is the logistic loss of a label 0 or 1. "huber" is Huber's loss of ln(1 + amount):
    quadratic up to `huber`, linear beyond, so it tends to the median, which is what the absolute
    error of amounts asks for (the median of a logarithm is the logarithm of the median).
    """

    loss: Loss
    rate: float
    """Of the weights; constant, so that the model never stops adapting."""
    intercept_rate: float
    clip: float = 1e12
    """Largest absolute value of the derivative of the loss."""
    huber: float = 0.1
    prior: int = 0
    """The scaler starts as if it had seen so many examples of mean 0 and variance 1. Without it
    the first occurrence of a rare feature is scaled to dozens of standard deviations, and one
    step of its weight throws the model off."""


@dataclass(frozen=True, slots=True)
class NewtonRecipe:
    """A linear model learned by curvature (`models/newton.py`); the losses are those above."""

    loss: Loss
    damping: float = 100.0
    """Examples' worth of resistance to every step, in the scale of each feature."""
    forget: float = 5e-5
    """Share of the curvature that every example takes away: 5e-5 remembers about 20,000."""
    huber: float = 0.5


@dataclass(frozen=True, slots=True)
class HurdleRecipe:
    """Whether anything is spent (every example), and how much (those with a label above 0).

    The amount is learned as ln(1 + label).
    """

    happens: NewtonRecipe
    amount: NewtonRecipe


Recipe = LinearRecipe | NewtonRecipe | HurdleRecipe


@dataclass(frozen=True, slots=True)
class LinearState:
    """What a scaler and a linear model know, feature by feature.

    mean = total / count, variance = squares / count.
    """

    count: int
    """Examples seen, the prior ones included."""
    total: F64
    squares: F64
    """Sum of squared deviations from the mean."""
    weights: F64
    intercept: float

    @staticmethod
    def new(features: int, recipe: LinearRecipe) -> LinearState:
        """Before the first example."""
        zeros = np.zeros(features)
        return LinearState(recipe.prior, zeros, zeros + float(recipe.prior), zeros, 0.0)

    @property
    def mean(self) -> F64:
        """Of each feature."""
        return self.total / max(self.count, 1)

    @property
    def scale(self) -> F64:
        """Standard deviation of each feature, 1 where it does not vary."""
        deviation = np.sqrt(self.squares / max(self.count, 1))
        return np.where(deviation > 0, deviation, 1.0)


@dataclass(frozen=True, slots=True)
class HurdleState:
    """How much is spent if anything is."""

    linear: LinearState
    residuals: F64
    """Quantiles (`afflux.hurdle.RESIDUAL_QUANTILES`) of ln(1 + amount) beside its score."""

    @property
    def part(self) -> HurdlePart:
        """What scorers need."""
        linear = self.linear
        return HurdlePart(
            linear.mean, linear.scale, linear.weights, linear.intercept, self.residuals
        )


@dataclass(frozen=True, slots=True)
class Model:
    """A declared model."""

    spec: ModelSpec
    recipe: Recipe
    pipeline: Callable[[], Any] | None = None
    """The same as a River pipeline, scaler first, regression last; imports River when called.
    None where River has no such learner."""
    challengers: Mapping[str, Recipe] = field(default_factory=dict)
    """Recipes by name that learn in shadow; the recipe above is called `default`."""
    segments: Segments = BY_ORDERS
    """Groups of people for whom quality is told apart."""

    @property
    def calibrated(self) -> bool:
        """Whether its linear score becomes a probability."""
        return self.spec.link == "probability" or isinstance(self.recipe, HurdleRecipe)

    def target(self, labels: F64) -> F64:
        """What is learned: the label, ln(1 + label) of an amount, or whether there was any."""
        if isinstance(self.recipe, HurdleRecipe):
            return (labels > 0).astype(np.float64)
        return np.log1p(labels) if self.spec.link == "amount" else labels


class LinearLearner(Protocol):
    """Learns one example after the other; the order of examples and nothing else matters."""

    def learn(self, x: Vectors, targets: F64) -> list[float]:
        """Learn (n, features) in order; the linear score of each just before its step."""
        ...

    def predict(self, x: Vectors) -> F64:
        """Linear scores; changes nothing."""
        ...

    @property
    def state(self) -> LinearState:
        """All that it knows, as a copy."""
        ...

    def memory(self) -> Arrays:
        """What it knows beyond `state`."""
        ...

    def load(self, state: LinearState, memory: Arrays) -> None:
        """Go on from there."""
        ...
