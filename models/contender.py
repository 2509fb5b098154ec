"""One way to learn a model: a recipe, what it has learned, and what it would have said before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afflux.columns import F64, I64
from afflux.scoring import LinearSnapshot
from models.as_of import AsOf
from models.bin_means import Calibration
from models.contract import (
    Arrays,
    HurdleRecipe,
    LinearRecipe,
    LinearState,
    Model,
    NewtonRecipe,
    Recipe,
    Vectors,
)
from models.hurdle import HurdleAmount
from models.learners import Engine, kind_of_learner, linear_learner


class Contender:
    """Learns a model by a recipe, one example after the other."""

    def __init__(
        self, model: Model, recipe: Recipe, features: Sequence[str], engine: Engine = "array"
    ) -> None:
        if recipe != model.recipe:
            model, engine = replace(model, recipe=recipe, pipeline=None), "array"
        self.model, self.recipe = model, recipe
        self.kind = kind_of_learner(model, engine)
        self.linear = linear_learner(model, features, engine)
        self.hurdle: HurdleAmount | None = None
        if isinstance(recipe, HurdleRecipe):
            self.hurdle = HurdleAmount(recipe.amount, len(features))
        self.calibration = Calibration()
        self.past = AsOf(model.spec.link, self.hurdle is not None, len(features))

    def learn(self, x: Vectors, labels: F64, opened: I64, closed: I64) -> None:
        """Learn these, in order."""
        targets = self.model.target(labels)
        scores = self.linear.learn(x, targets)
        if self.model.calibrated:
            self.calibration.learn(scores, targets.tolist(), opened.tolist(), closed.tolist())
        if self.hurdle is not None:
            self.hurdle.learn(x, labels)

    def scorer(self) -> LinearSnapshot:
        """What it says as of now."""
        linear, calibration = self.linear.state, self.calibration
        part = None if self.hurdle is None else self.hurdle.state.part
        return LinearSnapshot(
            self.model.spec.name, self.model.spec.link, 0, linear.mean, linear.scale,
            linear.weights, linear.intercept, calibration.coefficients, np.empty(0), False, 0, 0,
            part, calibration.shifts,
        )  # fmt: skip

    def memory(self) -> dict[str, NDArray[Any]]:
        """All that it knows beside the linear state."""
        return {
            **self.linear.memory(),
            **({} if self.hurdle is None else self.hurdle.memory()),
            **self.calibration.state(),
            **self.past.state(),
        }

    def load(self, linear: LinearState, memory: Arrays) -> None:
        """Go on from there."""
        self.linear.load(linear, memory)
        if self.hurdle is not None:
            self.hurdle.load(memory)
        self.calibration.load(memory)
        self.past.load(memory)

    def state(self) -> dict[str, NDArray[Any]]:
        """All that it knows."""
        linear = self.linear.state
        return {
            **self.memory(),
            "linear": np.stack([linear.total, linear.squares, linear.weights]),
            "linear.rest": np.array([linear.count, linear.intercept], np.float64),
        }

    def load_state(self, arrays: Arrays) -> None:
        """Go on from `state`."""
        total, squares, weights = arrays["linear"].copy()
        count, intercept = arrays["linear.rest"].tolist()
        self.load(LinearState(int(count), total, squares, weights, intercept), arrays)


def recipe_facts(recipe: Recipe) -> dict[str, Any]:
    """A recipe as JSON."""
    if isinstance(recipe, HurdleRecipe):
        parts = (recipe.happens, recipe.amount)
        return {"kind": "hurdle", "parts": [recipe_facts(part) for part in parts]}
    return {"kind": "newton" if isinstance(recipe, NewtonRecipe) else "linear", **asdict(recipe)}


def recipe_of(facts: Mapping[str, Any]) -> Recipe:
    """The other way. Raises KeyError, TypeError, ValueError.

    >>> recipe_of(recipe_facts(NewtonRecipe("log"))) == NewtonRecipe("log")
    True
    """
    rest = {name: value for name, value in facts.items() if name != "kind"}
    if facts["kind"] == "hurdle":
        happens, amount = map(recipe_of, facts["parts"])
        if not isinstance(happens, NewtonRecipe) or not isinstance(amount, NewtonRecipe):
            raise ValueError("a hurdle has parts that are learned by curvature")
        return HurdleRecipe(happens, amount)
    return NewtonRecipe(**rest) if facts["kind"] == "newton" else LinearRecipe(**rest)
