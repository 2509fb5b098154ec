"""Snapshots as bytes: named by content, refused when damaged, foreign or of another format."""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import models
from afflux.names import ModelName
from models import discover
from models.commands import Command
from models.contract import Model
from models.envelope import FORMAT, FRONT, MAGIC, Cut, open_sealed, seal
from models.figures import figures_of
from models.laws import FEATURES, stream
from models.model_learner import ModelLearner
from models.snapshot import (
    Snapshot,
    SnapshotError,
    decode,
    decode_scoring,
    encode,
    version_name,
    version_of,
)
from models_river import RIVER_MODELS


@pytest.fixture(params=(*discover(), *RIVER_MODELS), ids=lambda model: model.spec.name)
def model(request: pytest.FixtureRequest) -> Model:
    """Each of the models."""
    found: Model = request.param
    return found


@pytest.fixture
def snapshot(model: Model) -> Snapshot:
    """Of a model that has learned something."""
    learner = ModelLearner(model, FEATURES)
    examples = stream(model)
    learner.learn(examples, range(len(examples)))
    return learner.snapshot(1_234, b"topic id".ljust(16))


def test_holds_everything(snapshot: Snapshot) -> None:
    """Header and arrays come back equal, and so do the bytes."""
    closings = 100 if snapshot.model == "coupon_conversion" else 400  # of it, others come early
    data = encode(snapshot)
    again = decode(data, FEATURES)
    assert (again.offset, again.topic_id, again.examples) == (
        1_234,
        b"topic id".ljust(16),
        closings,
    )
    assert again.last == snapshot.last
    assert len(again.last) == 5
    assert figures_of(again) == figures_of(snapshot)
    assert figures_of(again).metrics["evaluated"] > 0
    assert len(again.cuts) == 99
    assert (np.diff(again.cuts) >= 0).all()
    assert encode(again) == data


def test_version_is_the_hash_of_the_content(snapshot: Snapshot) -> None:
    """Any change gives another version; scorers see it; it is shown as 16 hex digits."""
    data = encode(snapshot)
    scoring = decode_scoring(data, FEATURES)
    assert scoring.version == version_of(data)
    assert len(version_name(version_of(data))) == 16
    others = [
        replace(snapshot, offset=1_235),
        replace(snapshot, trusted=not snapshot.trusted),
        replace(snapshot, memory={}),
        replace(snapshot, linear=replace(snapshot.linear, intercept=0.0)),
    ]
    assert len({version_of(encode(s)) for s in [snapshot, *others]}) == 5


def test_scorers_need_only_the_front(snapshot: Snapshot) -> None:
    """The first bytes give the same scorer and version; too few of them say that they are cut."""
    data = encode(snapshot)
    whole, start = decode_scoring(data, FEATURES), decode_scoring(data[:FRONT], FEATURES)
    assert len(data) > 2 * FRONT
    for name in ("version", "intercept", "calibration", "trusted", "examples", "offset"):
        assert getattr(start, name) == getattr(whole, name)
    for name in ("mean", "scale", "weights", "cuts", "shifts"):
        np.testing.assert_array_equal(getattr(start, name), getattr(whole, name))
    for end in (100, 1_000):
        with pytest.raises(Cut):
            decode_scoring(data[:end], FEATURES)


def test_other_features_are_refused_by_name(snapshot: Snapshot) -> None:
    """The message says which are gone and which are new, or that the order is another."""
    data = encode(snapshot)
    with pytest.raises(SnapshotError, match=r"other features \(gone: feature_0; new: age\)"):
        decode(data, ("age", *FEATURES[1:]))
    with pytest.raises(SnapshotError, match="the same names in another order"):
        decode_scoring(data, FEATURES[::-1])


def test_another_format_is_refused(snapshot: Snapshot) -> None:
    """The message says which format it is and which one is read."""
    data = encode(snapshot)
    later = MAGIC + (FORMAT + 1).to_bytes(4, "little") + data[len(MAGIC) + 4 :]
    with pytest.raises(SnapshotError, match=f"format {FORMAT + 1}; this program reads"):
        decode(later)
    with pytest.raises(SnapshotError, match="no model snapshot"):
        decode(b"\x80\x04K\x01.")


def test_damaged_bytes_are_refused_or_have_another_version(snapshot: Snapshot) -> None:
    """Cut anywhere or changed anywhere: a SnapshotError, or a version that nobody asked for."""
    data = encode(snapshot)
    generator = np.random.default_rng(9)
    for at in generator.integers(0, len(data), 60).tolist():
        with pytest.raises(SnapshotError):
            decode(data[:at])
        changed = bytearray(data)
        changed[at] ^= 1 << int(generator.integers(8))
        try:
            decode(bytes(changed), FEATURES)
        except SnapshotError:
            continue
        assert version_of(bytes(changed)) != version_of(data)


def test_missing_parts_and_wrong_shapes_are_refused(snapshot: Snapshot) -> None:
    """A header that lies about its content does not get past."""
    facts, arrays = open_sealed(encode(snapshot))
    for name in ("model", "offset", "calibration", "last"):
        with pytest.raises(SnapshotError):
            decode(seal({k: v for k, v in facts.items() if k != name}, arrays))
    for broken in (np.zeros(3), np.full(len(FEATURES), np.nan)):
        with pytest.raises(SnapshotError):
            decode(seal(facts, {**arrays, "linear.weights": broken}))
    with pytest.raises(SnapshotError, match="unknown link"):
        decode(seal({**facts, "link": "rank"}, arrays))
    with pytest.raises(SnapshotError):
        seal(facts, {"objects": np.array([object()])})


def test_a_learner_takes_only_its_own(model: Model, snapshot: Snapshot) -> None:
    """Of another model or of other features: refused, and nothing is learned from it."""
    learner = ModelLearner(model, FEATURES)
    before = encode(learner.snapshot(0))
    foreign = [
        replace(snapshot, model=ModelName("other")),
        replace(snapshot, link="amount" if snapshot.link == "probability" else "probability"),
    ]
    for other in foreign:
        with pytest.raises(SnapshotError):
            learner.restore(other)
    with pytest.raises(SnapshotError):
        ModelLearner(model, FEATURES[1:]).restore(snapshot)
    assert encode(learner.snapshot(0)) == before


def test_a_rollback_takes_only_its_own(model: Model, snapshot: Snapshot) -> None:
    """A stored snapshot of other features or another model: refused in words, nothing changes."""
    learner = ModelLearner(model, FEATURES)
    examples = stream(model)
    learner.learn(examples, range(100))
    before = learner.snapshot(0)
    other = replace(snapshot, features=("age", *FEATURES[1:]))
    foreign = replace(snapshot, model=ModelName("other"))
    for number, (wrong, why) in enumerate(((other, "other features"), (foreign, "of other"))):
        command = Command(str(number), "rollback", model.spec.name, version=7)
        entry = learner.carry_out(command, {7: wrong}.get)
        assert entry is not None
        assert entry.kind == "refusal"
        assert why in entry.text
    after = replace(learner.snapshot(0), history=before.history)
    assert encode(after) == encode(before)


def test_nothing_of_ours_can_unpickle() -> None:
    """No room imports a module that runs what it reads, and none loads NumPy files."""
    rooms = ("afflux", "models", "profile_store", "streams", "schemas", "gateway", "launcher")
    root = Path(models.__file__).parents[1]
    dangerous = {"pickle", "marshal", "shelve", "joblib", "dill", "cloudpickle"}
    seen = 0
    for room in rooms:
        for file in (root / room).rglob("*.py"):
            seen += 1
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.Import):
                    assert not dangerous & {a.name.split(".")[0] for a in node.names}, file
                if isinstance(node, ast.ImportFrom):
                    assert (node.module or "").split(".")[0] not in dangerous, file
                if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                    assert (node.value.id, node.attr) != ("np", "load"), file
    assert seen > 200


def test_river_itself_refuses_the_state_of_another_river(model: Model, snapshot: Snapshot) -> None:
    """Arrays do not mind which River they are equal to; River's own objects do."""
    other = replace(snapshot, river="0.1.0")
    ModelLearner(model, FEATURES).restore(other)
    if model.pipeline is None:
        return
    with pytest.raises(SnapshotError, match=r"is of River 0\.1\.0"):
        ModelLearner(model, FEATURES, "river").restore(other)


def test_learning_with_river_gives_the_same_snapshot(model: Model, snapshot: Snapshot) -> None:
    """The setting `river` learns the same model: numbers to 1e-9, figures alike."""
    learner = ModelLearner(model, FEATURES, "river")
    examples = stream(model)
    learner.learn(examples, range(len(examples)))
    river = learner.snapshot(1_234)
    np.testing.assert_allclose(river.linear.weights, snapshot.linear.weights, 1e-9, 1e-9)
    np.testing.assert_allclose(river.calibration, snapshot.calibration, 1e-9)
    np.testing.assert_allclose(river.cuts, snapshot.cuts, 1e-6)
    assert figures_of(river).metrics == figures_of(snapshot).metrics


@pytest.mark.parametrize("module", ["models, models.snapshot", "models.learner", "models.laws"])
def test_importing_models_does_not_import_river(module: str) -> None:
    """Scorers start without River: it takes seconds to import."""
    code = (
        f"import sys, {module}; from models import default_models; default_models();"
        "sys.exit('river' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
