"""Learning early: the weights take out what is false in fake negatives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from afflux.catalog import Catalog
from afflux.columns import F64
from afflux.limits import DAY_MS
from models import coupon_conversion, lifetime_value, purchase_7d
from models.contract import LinearRecipe, Model, ModelError, NewtonRecipe, Recipe
from models.learners import linear_learner

FEATURES = ("a", "b")
RECIPES: list[Recipe] = [NewtonRecipe("log"), LinearRecipe("log", 0.01, 0.01, prior=100)]


def early(recipe: Recipe, form: str) -> Model:
    """A model that does not wait, of something that happens or does not."""
    of = purchase_7d.MODEL.spec.outcome
    outcome = replace(of, form=form, window_ms=7 * DAY_MS)  # type: ignore[arg-type]
    return Model(replace(purchase_7d.MODEL.spec, outcome=outcome, early=True), recipe)


def records(happens: np.ndarray, event: float) -> tuple[np.ndarray, F64]:
    """Of each example its opening, and half of the time a little later that it happened."""
    places, labels = [], []
    for i in range(len(happens)):
        places.append(i)
        labels.append(1.0 - event)
        if i >= 20 and happens[i - 20]:
            places.append(i - 20)
            labels.append(event)
    return np.array(places), np.array(labels)


@pytest.mark.parametrize("form", ["will", "will_not"])
@pytest.mark.parametrize("recipe", RECIPES, ids=["newton", "steps"])
def test_probabilities_are_those_of_waiting(recipe: Recipe, form: str) -> None:
    """From openings and happenings it learns what really happens; unweighted it would not."""
    random = np.random.default_rng(5)
    x = random.normal(size=(30_000, 2)).astype(np.float16)
    p = 1 / (1 + np.exp(-(x[:, 0].astype(float) - 0.7 * x[:, 1] - 1.0)))
    event = 1.0 if form == "will" else 0.0
    places, labels = records(random.random(len(x)) < p, event)
    learner = linear_learner(early(recipe, form), FEATURES)
    learner.learn(x[places], labels)
    said = 1 / (1 + np.exp(-learner.predict(x)))
    of_event = said if event else 1 - said
    assert np.abs(of_event - p).mean() < 0.03
    blind = linear_learner(replace(early(recipe, form), spec=purchase_7d.MODEL.spec), FEATURES)
    blind.learn(x[places], labels)
    unweighted = 1 / (1 + np.exp(-blind.predict(x)))
    assert np.abs((unweighted if event else 1 - unweighted) - p).mean() > 0.05


def test_only_what_happens_can_be_learned_early() -> None:
    """An amount, or all of several kinds, is decided at the end: the declaration is refused."""
    spec = replace(lifetime_value.MODEL.spec, early=True)
    with pytest.raises(ModelError, match="end of its window"):
        replace(lifetime_value.MODEL, spec=spec)
    with pytest.raises(ValueError, match="cannot be learned early"):
        Catalog([spec])


def test_rows_do_not_depend_on_it() -> None:
    """It may be switched on and off: layout and rows stay."""
    spec = coupon_conversion.MODEL.spec
    waiting, at_once = (Catalog([replace(spec, early=flag)]) for flag in (False, True))
    assert waiting.layout == at_once.layout
