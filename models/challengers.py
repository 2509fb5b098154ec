"""Challengers: other recipes for a model, which learn in shadow from the same labels.

A model's file may have its own (`Model.challengers`). These can be had for any model by one line of
settings, `churn:fast_forget,churn:linear`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from afflux.names import ModelName
from models.contract import HurdleRecipe, LinearRecipe, Model, ModelError, NewtonRecipe, Recipe

DEFAULT = "default"
"""Name of the recipe that the model's file declares."""

_FORGETTING = {"fast_forget": 10.0, "long_memory": 0.1}
"""Times the forgetting of the model's own recipe."""

_LINEAR_PROBABILITY = LinearRecipe("log", rate=0.003, intercept_rate=0.01, prior=100)
_LINEAR_AMOUNT = LinearRecipe("huber", rate=5e-4, intercept_rate=0.1, huber=0.5, prior=3_000)


def recipes_for(model: Model) -> dict[str, Recipe]:
    """What may challenge a model, by name: the standard ones, and its own.

    fast_forget: as the model, but remembers a tenth of the examples. long_memory: ten times as
    many. linear: River's scaling and descent with a constant step, which never settles.
    """
    standard: dict[str, Recipe] = {}
    for name, times in _FORGETTING.items():
        if (recipe := _forgetting(model.recipe, times)) is not None:
            standard[name] = recipe
    amount = model.spec.link == "amount"
    standard["linear"] = _LINEAR_AMOUNT if amount else _LINEAR_PROBABILITY
    return {**standard, **model.challengers}


def _forgetting(recipe: Recipe, times: float) -> Recipe | None:
    if isinstance(recipe, HurdleRecipe):
        happens, amount = (
            replace(part, forget=part.forget * times) for part in (recipe.happens, recipe.amount)
        )
        return HurdleRecipe(happens, amount)
    if isinstance(recipe, NewtonRecipe):
        return replace(recipe, forget=recipe.forget * times)
    return None


def challenged(models: Sequence[Model], wanted: Iterable[str]) -> tuple[Model, ...]:
    """The models with the challengers that `model:recipe` lines name. Raises ModelError."""
    chosen: dict[ModelName, dict[str, Recipe]] = {m.spec.name: {} for m in models}
    known: Mapping[ModelName, Model] = {m.spec.name: m for m in models}
    for line in wanted:
        name, colon, recipe = line.partition(":")
        model = known.get(ModelName(name))
        if not colon or model is None:
            raise ModelError(
                f"challenger {line!r}: give it as MODEL:RECIPE, with one of the models "
                f"{', '.join(known)}"
            )
        recipes = recipes_for(model)
        if recipe not in recipes:
            raise ModelError(
                f"challenger {line!r}: {name} may be challenged by {', '.join(sorted(recipes))}"
            )
        chosen[model.spec.name][recipe] = recipes[recipe]
    return tuple(replace(m, challengers={**m.challengers, **chosen[m.spec.name]}) for m in models)
