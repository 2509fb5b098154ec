"""Which learner a model's linear part has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from models.contract import HurdleRecipe, LinearLearner, Model, ModelError, NewtonRecipe
from models.fake_negatives import event_label
from models.linear import ArrayLearner
from models.newton import NewtonLearner
from models.river_learner import RiverLearner

Engine = Literal["array", "river"]
"""By whom a `LinearRecipe` is learned."""


def linear_learner(
    model: Model, features: Sequence[str], engine: Engine = "array"
) -> LinearLearner:
    """A new one. Of a hurdle that of whether anything happens."""
    recipe, n, event = model.recipe, len(features), event_label(model.spec)
    if isinstance(recipe, HurdleRecipe):
        return NewtonLearner(recipe.happens, n)
    if isinstance(recipe, NewtonRecipe):
        return NewtonLearner(recipe, n, event)
    if engine == "river" and event is not None:
        raise ModelError(f"{model.spec.name}: what is learned early is learned by arrays")
    return RiverLearner(model, features) if engine == "river" else ArrayLearner(recipe, n, event)


def kind_of_learner(model: Model, engine: Engine = "array") -> str:
    """As snapshots name it."""
    if isinstance(model.recipe, HurdleRecipe):
        return "hurdle"
    return "newton" if isinstance(model.recipe, NewtonRecipe) else engine


def state_goes_on(kind: str, stored: str) -> bool:
    """Whether a learner of a kind can go on from the state of another: arrays and River can."""
    return kind == stored or {kind, stored} == {"array", "river"}
