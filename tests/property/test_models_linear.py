"""The array learners equal River on any stream, and their bits do not depend on blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from afflux.limits import DAY_MS
from afflux.names import ModelName
from afflux.outcomes import ModelSpec, Outcome
from models.contract import LinearRecipe, Model, Vectors
from models.laws import assert_states_equal
from models.linear import ArrayLearner
from models.river_learner import RiverLearner


def model_of(recipe: LinearRecipe) -> Model:
    """A model with this recipe, also as a River pipeline."""

    def pipeline() -> Any:
        from river import linear_model, optim, preprocessing

        kind: Any = linear_model.LogisticRegression
        loss: Any = optim.losses.Log()
        if recipe.loss == "huber":
            kind, loss = linear_model.LinearRegression, optim.losses.Huber(recipe.huber)
        return preprocessing.StandardScaler() | kind(
            optimizer=optim.SGD(recipe.rate),
            loss=loss,
            intercept_lr=recipe.intercept_rate,
            clip_gradient=recipe.clip,
        )

    form = "will" if recipe.loss == "log" else "amount"
    return Model(ModelSpec(ModelName("any"), Outcome(form, (), DAY_MS)), recipe, pipeline)  # type: ignore[arg-type]


rates = st.floats(0.0, 0.1)
recipes = st.builds(
    LinearRecipe,
    loss=st.sampled_from(["log", "huber"]),
    rate=rates,
    intercept_rate=rates,
    clip=st.sampled_from([0.05, 0.4, 1e12]),
    huber=st.floats(0.01, 2.0),
    prior=st.sampled_from([0, 1, 50]),
)


def vectors(rows: int, columns: int) -> st.SearchStrategy[Vectors]:
    """Feature vectors; some columns are constant, some hold small integers."""
    # Far from float16's subnormal end, where River's variance itself is rounding noise.
    numbers = st.floats(-100.0, 100.0, width=16).map(lambda v: v if abs(v) > 0.01 else 0.0)
    anything = arrays.arrays(np.float16, (rows, columns), elements=numbers)
    constant = arrays.arrays(np.bool_, columns)
    return st.tuples(anything, constant).map(
        lambda drawn: np.where(drawn[1], drawn[0][:1], drawn[0]).astype(np.float16)
    )


@st.composite
def streams(draw: st.DrawFn) -> tuple[LinearRecipe, Vectors, list[float]]:
    """A recipe with examples for it."""
    recipe = draw(recipes)
    rows, columns = draw(st.integers(1, 40)), draw(st.integers(1, 5))
    label = st.sampled_from([0.0, 1.0]) if recipe.loss == "log" else st.floats(0.0, 10.0)
    return (
        recipe,
        draw(vectors(rows, columns)),
        draw(st.lists(label, min_size=rows, max_size=rows)),
    )


@settings(max_examples=60, deadline=None)
@given(streams())
def test_equals_river_one_by_one(drawn: tuple[LinearRecipe, Vectors, list[float]]) -> None:
    """Weights, intercept, means, variances and predictions are River's, to 1e-9."""
    recipe, x, targets = drawn
    names = [f"f{i}" for i in range(x.shape[1])]
    model = model_of(recipe)
    ours, theirs = ArrayLearner(recipe, x.shape[1]), RiverLearner(model, names)
    ours.learn(x, np.array(targets))
    for row, target in zip(x.astype(np.float64).tolist(), targets, strict=True):
        label = bool(target) if recipe.loss == "log" else target
        theirs.pipeline.learn_one(dict(zip(names, row, strict=True)), label)
    assert_states_equal(ours.state, theirs.state)
    np.testing.assert_allclose(ours.predict(x), theirs.predict(x), 1e-9, 1e-9)


@settings(max_examples=60, deadline=None)
@given(streams(), st.integers(1, 40))
def test_blocks_do_not_matter(drawn: tuple[LinearRecipe, Vectors, list[float]], size: int) -> None:
    """One by one, or in blocks of any size: the same scores and the same state, bit for bit."""
    recipe, x, targets = drawn
    y = np.array(targets)
    whole, parts = ArrayLearner(recipe, x.shape[1]), ArrayLearner(recipe, x.shape[1])
    scores = whole.learn(x, y)
    pieces = [parts.learn(x[i : i + size], y[i : i + size]) for i in range(0, len(x), size)]
    assert [s for piece in pieces for s in piece] == scores
    assert_states_equal(whole.state, parts.state, 0.0)


@given(streams())
def test_a_constant_feature_never_gets_weight(
    drawn: tuple[LinearRecipe, Vectors, list[float]],
) -> None:
    """Where a feature does not vary its scaled value is exactly 0, however often it is seen."""
    recipe, x, targets = drawn
    if recipe.prior:
        return
    learner = ArrayLearner(recipe, x.shape[1])
    for _ in range(3):
        learner.learn(x, np.array(targets))
    still = (x == x[0]).all(axis=0)
    assert (learner.state.weights[still] == 0).all()
    assert (learner.state.squares[still] == 0).all()
