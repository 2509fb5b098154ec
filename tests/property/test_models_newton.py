"""The Newton learner equals its scalar oracle, and its bits do not depend on how examples come."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.contract import NewtonRecipe
from models.newton import NewtonLearner
from newton_oracle import NewtonOracle

FEATURES = 4

recipes = st.builds(
    NewtonRecipe,
    loss=st.sampled_from(["log", "huber"]),
    damping=st.sampled_from([1.0, 100.0]),
    forget=st.sampled_from([0.0, 1e-4, 0.01]),
    huber=st.sampled_from([0.1, 0.5]),
)


def stream(seed: int, n: int, recipe: NewtonRecipe) -> tuple[np.ndarray, np.ndarray]:
    """Vectors with a constant and a rare feature, and targets of the loss."""
    random = np.random.default_rng(seed)
    x = random.normal(1.0, 2.0, (n, FEATURES)).astype(np.float16)
    x[:, 0] = 3.25
    x[:, 1] = random.random(n) < 0.02
    z = x[:, 2].astype(float) - 0.5 * x[:, 3] + random.normal(0.0, 0.5, n)
    return x, (z > 0.5).astype(float) if recipe.loss == "log" else np.maximum(z, 0.0)


@settings(max_examples=15)
@given(recipes, st.integers(0, 2**32), st.integers(1, 400))
def test_equals_the_scalar_oracle(recipe: NewtonRecipe, seed: int, n: int) -> None:
    """Scores before each block, and what is exported, to nine digits."""
    x, y = stream(seed, n, recipe)
    arrays, oracle = NewtonLearner(recipe, FEATURES), NewtonOracle(recipe, FEATURES)
    scores = arrays.learn(x, y)
    expected = [oracle.learn(r, t) for r, t in zip(x.tolist(), y.tolist(), strict=True)]
    np.testing.assert_allclose(scores, expected, 1e-6, 1e-6)
    mine = arrays.memory()
    np.testing.assert_allclose(mine["newton.weights"], oracle.weights, 1e-6, 1e-6)
    np.testing.assert_allclose(mine["newton.curvature"], oracle.curvature, 1e-6, 1e-6)
    assert len(mine["newton.targets"]) == len(oracle.waiting)


@settings(max_examples=20)
@given(recipes, st.integers(0, 2**32), st.lists(st.integers(0, 300), max_size=8))
def test_bits_do_not_depend_on_how_examples_come(
    recipe: NewtonRecipe, seed: int, cuts: list[int]
) -> None:
    """In any parts, and through memory in between."""
    x, y = stream(seed, 300, recipe)
    whole, parts = NewtonLearner(recipe, FEATURES), NewtonLearner(recipe, FEATURES)
    scores: list[float] = []
    at = [0, *sorted(cuts), 300]
    for a, b in pairwise(at):
        scores += parts.learn(x[a:b], y[a:b])
        fresh = NewtonLearner(recipe, FEATURES)
        fresh.load(parts.state, parts.memory())
        parts = fresh
    assert scores == whole.learn(x, y)
    for name, array in whole.memory().items():
        assert array.tobytes() == parts.memory()[name].tobytes(), name


def test_a_wild_beginning_does_no_harm() -> None:
    """Separable first examples of large features: later scores are those of a sound model."""
    recipe = NewtonRecipe("log")
    x, y = stream(1, 6_000, recipe)
    wild = x.copy()
    wild[:50, 2] = np.where(y[:50] > 0, 30.0, -30.0)
    learner = NewtonLearner(recipe, FEATURES)
    late = np.array(learner.learn(wild, y))[3_000:]
    assert np.corrcoef(late, y[3_000:])[0, 1] > 0.6
