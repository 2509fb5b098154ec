"""What is said of the models: figures of a learner, and of one that has learned nothing."""

from __future__ import annotations

from launcher.model_report import Known, overview
from models import discover
from models.laws import FEATURES, stream
from models.learner import Learner
from models.snapshot import decode, encode, version_of


def test_a_learned_model_is_told_with_its_figures() -> None:
    """Version, examples and the metrics of the snapshot, those of a constant beside them."""
    model = discover()[0]
    learner = Learner([model], FEATURES)
    learner.learn(stream(model, 300))
    learner.advance(7)
    (snapshot,) = learner.snapshots()
    data = encode(snapshot)
    facts = Known(model.spec, version_of(data), decode(data)).as_json()
    assert facts["examples"] > 0
    assert facts["learned_offset"] == 7
    assert facts["metrics"].keys() >= {"auc", "log_loss", "base_log_loss", "recent_auc"}


def test_a_model_before_its_first_snapshot() -> None:
    """It is there, and says that it knows nothing yet."""
    models = [Known(model.spec, 0, None) for model in discover()]
    assert models[0].as_json()["version"] is None
    assert overview(models).row_count == len(models)
