"""Laws that every model obeys, as small named functions; each raises AssertionError.

They stand beside `river.checks`: tests find all models and run every law over each of them, so
that a new model is held to them without a line of test code. Those that name River import it, and
hold for models that have a River pipeline.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from afflux.bins import BINS, bins_of, moved
from afflux.catalog import Catalog
from afflux.examples import ExampleColumns
from afflux.names import Identity
from afflux.scoring import LinearScorer
from models.challengers import DEFAULT
from models.contract import HurdleRecipe, LinearRecipe, LinearState, Model
from models.learner import slices
from models.learners import linear_learner
from models.linear import ArrayLearner
from models.model_learner import ModelLearner
from models.river_learner import RiverLearner
from models.snapshot import decode, decode_scoring, encode

Law = Callable[[Model], None]

FEATURES = tuple(f"feature_{i}" for i in range(12))
_N = 400
_CLOSE = 1e-9


def stream(model: Model, n: int = _N, seed: int = 7) -> ExampleColumns:
    """Examples with something to learn; one feature is constant, one is rare, one is large."""
    random = np.random.default_rng(seed)
    x = random.normal(1.0, 2.0, (n, len(FEATURES)))
    x[:, 0] = 3.25
    x[:, 1] = random.random(n) < 0.01
    x[:, 2] *= 1_000.0
    score = x[:, 3] - 0.5 * x[:, 4] + random.normal(0.0, 0.5, n)
    amount = model.spec.link == "amount"
    label = np.expm1(np.maximum(score, 0.0)) if amount else (score > 0.5).astype(np.float64)
    served = random.random(n) * (10.0 if amount else 1.0)
    return ExampleColumns(
        shard=(np.arange(n) % 5).astype(np.int32),
        deadline=np.arange(n, dtype=np.int64) // 7,
        identities=[Identity(b"test:%06d" % i) for i in range(n)],
        models=[model.spec.name] * n,
        open_ts=np.arange(n, dtype=np.int64),
        open_offset=np.arange(n, dtype=np.int64),
        vector=x.astype(np.float16),
        served=served.astype(np.float32),
        version=(np.arange(n) > n // 10).astype(np.uint64),
        label=label,
        flags=np.zeros(n, np.uint8),
    )


def check_is_declared(model: Model) -> None:
    """The core accepts the declaration, and the loss is one for its kind of label."""
    assert Catalog([model.spec]).models == (model.spec,)
    assert model.spec.outcome.window_ms > 0
    assert model.spec.outcome.describe()
    for recipe in (model.recipe, *model.challengers.values()):
        if isinstance(recipe, HurdleRecipe):
            assert model.spec.link == "amount"
            assert (recipe.happens.loss, recipe.amount.loss) == ("log", "huber")
        else:
            assert (recipe.loss == "log") == (model.spec.link == "probability")
    assert DEFAULT not in model.challengers
    assert model.pipeline is None or isinstance(model.recipe, LinearRecipe)
    labels = np.array([0.0, 1.0])
    assert np.isfinite(model.target(labels)).all()


def check_equals_river(model: Model) -> None:
    """The array learner and the pipeline's own learn_one know the same after every example."""
    if model.pipeline is None or not isinstance(model.recipe, LinearRecipe):
        return
    examples = stream(model)
    arrays, river = ArrayLearner(model.recipe, len(FEATURES)), RiverLearner(model, FEATURES)
    for part in slices(examples, 32):
        targets = model.target(part.label)
        arrays.learn(part.vector, targets)
        for x, y in zip(_rows(part), targets.tolist(), strict=True):
            river.pipeline.learn_one(x, y if model.spec.link == "amount" else bool(y))
        assert_states_equal(arrays.state, river.state)
        np.testing.assert_allclose(
            arrays.predict(part.vector), river.predict(part.vector), _CLOSE, _CLOSE
        )


def check_state_goes_through_river(model: Model) -> None:
    """What arrays learned, River goes on with, and arrays again, as if nothing had happened."""
    if model.pipeline is None or not isinstance(model.recipe, LinearRecipe):
        return
    examples = stream(model)
    targets = model.target(examples.label)
    whole, first = (ArrayLearner(model.recipe, len(FEATURES)) for _ in range(2))
    whole.learn(examples.vector, targets)
    first.learn(examples.vector[:150], targets[:150])
    river, last = RiverLearner(model, FEATURES), ArrayLearner(model.recipe, len(FEATURES))
    river.load(first.state)
    river.learn(examples.vector[150:250], targets[150:250])
    last.load(river.state)
    last.learn(examples.vector[250:], targets[250:])
    assert_states_equal(whole.state, last.state)


def check_export_equals_river(model: Model) -> None:
    """The exported arrays score as River predicts."""
    if model.pipeline is None:
        return
    examples = stream(model)
    learner = _taught(model, [examples])
    snapshot = decode_scoring(encode(learner.snapshot(_N)), FEATURES)
    river = RiverLearner(model, FEATURES)
    river.load(learner.snapshot(_N).linear)
    served = LinearScorer([snapshot]).score(examples.vector).value[:, 0]
    predicted = [_river_value(model, river.pipeline, x, snapshot) for x in _rows(examples)]
    np.testing.assert_allclose(served, predicted, 1e-5, 1e-5)


def check_export_equals_learner(model: Model) -> None:
    """The exported arrays score as the learner itself does."""
    examples = stream(model)
    linear = linear_learner(model, FEATURES)
    linear.learn(examples.vector, model.target(examples.label))
    snapshot = decode_scoring(encode(_taught(model, [examples]).snapshot(_N)), FEATURES)
    exported = LinearScorer([replace(snapshot, calibration=(1.0, 0.0), link="probability",
                                     hurdle=None, shifts=np.zeros(BINS))])  # fmt: skip
    served = exported.score(examples.vector).value[:, 0]
    np.testing.assert_allclose(served, 1 / (1 + np.exp(-linear.predict(examples.vector))), 1e-5)


def check_only_order_matters(model: Model) -> None:
    """However the examples are cut into blocks, the snapshot has the same bytes."""
    examples = stream(model)
    expected = _bytes(_taught(model, [examples]))
    for size in (1, 7, 64):
        assert _bytes(_taught(model, list(slices(examples, size)))) == expected
    other = stream(model, seed=8)
    assert _bytes(_taught(model, [other])) != expected


def check_repeats_change_nothing(model: Model) -> None:
    """Examples that come again, from any place on, are dropped."""
    examples = stream(model)
    learner = _taught(model, [examples])
    before = _bytes(learner)
    for part in slices(examples, 150):
        learner.learn(part, range(len(part)))
        assert _bytes(learner) == before
    assert learner.counts.repeats == _N


def check_nothing_learned_changes_nothing(model: Model) -> None:
    """An empty block leaves everything as it is, before the first example and after."""
    none = _none(stream(model))
    for learner in (_taught(model, []), _taught(model, [stream(model)])):
        before = _bytes(learner)
        learner.learn(none, [])
        assert _bytes(learner) == before


def check_impossible_examples_are_dropped(model: Model) -> None:
    """Labels and features that no outcome can have are counted, and change nothing."""
    examples = stream(model, 4)
    learner = _taught(model, [])
    before = _bytes(learner)
    vector = examples.vector.copy()
    vector[0, 3] = np.inf
    broken = replace(examples, vector=vector, label=np.array([0.0, -1.0, np.nan, np.inf]))
    learner.learn(broken, range(4))
    assert learner.counts.invalid == 4
    assert _bytes(learner) == before


def check_predicting_changes_nothing(model: Model) -> None:
    """Scores and figures may be asked for at any time."""
    examples = stream(model)
    learner = _taught(model, [examples])
    before = _bytes(learner)
    linear = linear_learner(model, FEATURES)
    linear.load(learner.snapshot(_N).linear, learner.snapshot(_N).memory)
    state = linear.state
    linear.predict(examples.vector)
    learner.metrics()
    assert_states_equal(linear.state, state, 0.0)
    assert _bytes(learner) == before


def check_snapshot_round_trip(model: Model) -> None:
    """A snapshot comes back from its bytes whole, and learning goes on from it as if never left."""
    examples = stream(model)
    parts = list(slices(examples, 130))
    whole, broken = _taught(model, parts), _taught(model, parts[:2])
    data = encode(broken.snapshot(260, b"t" * 16))
    assert encode(decode(data, FEATURES)) == data
    resumed = ModelLearner(model, FEATURES)
    resumed.restore(decode(data, FEATURES))
    for part in parts:
        resumed.learn(part, range(len(part)))
    assert _bytes(resumed) == _bytes(whole)


def check_learns_what_is_there(model: Model) -> None:
    """On a stream with a signal, later scores are nearer to the labels than a constant."""
    examples = stream(model, 6_000)
    learner = linear_learner(model, FEATURES)
    targets = model.target(examples.label)
    scores = np.array(learner.learn(examples.vector, targets))
    late, truth = scores[3_000:], targets[3_000:]
    assert np.corrcoef(late, truth)[0, 1] > 0.5


LAWS: tuple[Law, ...] = (
    check_is_declared,
    check_equals_river,
    check_state_goes_through_river,
    check_export_equals_river,
    check_export_equals_learner,
    check_only_order_matters,
    check_repeats_change_nothing,
    check_nothing_learned_changes_nothing,
    check_impossible_examples_are_dropped,
    check_predicting_changes_nothing,
    check_snapshot_round_trip,
    check_learns_what_is_there,
)


def assert_states_equal(a: LinearState, b: LinearState, close: float = _CLOSE) -> None:
    """Feature by feature, relative to their size."""
    assert a.count == b.count
    for mine, theirs in (
        (a.mean, b.mean), (a.scale, b.scale), (a.weights, b.weights),
        ([a.intercept], [b.intercept]),
    ):  # fmt: skip
        np.testing.assert_allclose(mine, theirs, close, close)


def _none(examples: ExampleColumns) -> ExampleColumns:
    nothing: dict[str, Any] = {f.name: getattr(examples, f.name)[:0] for f in fields(examples)}
    return ExampleColumns(**nothing)


def _rows(examples: ExampleColumns) -> list[dict[str, float]]:
    rows = examples.vector.astype(np.float64).tolist()
    return [dict(zip(FEATURES, row, strict=True)) for row in rows]


def _taught(model: Model, parts: Sequence[ExampleColumns]) -> ModelLearner:
    learner = ModelLearner(model, FEATURES)
    for part in parts:
        learner.learn(part, range(len(part)))
    return learner


def _bytes(learner: ModelLearner) -> bytes:
    return encode(learner.snapshot(_N))


def _river_value(model: Model, pipeline: Any, x: dict[str, float], snapshot: Any) -> float:
    if model.spec.link == "amount":
        return float(max(0.0, np.expm1(pipeline.predict_one(x))))
    p = pipeline.predict_proba_one(x)[True]
    a, b = snapshot.calibration
    odds = a * np.log(p / (1 - p)) + b
    share = snapshot.shifts[bins_of(np.array([odds]))]
    return float(moved(1 / (1 + np.exp(-np.array([odds]))), share)[0])
