"""What a learner's metrics say while it learns, publishes and lets go."""

from __future__ import annotations

from prometheus_client import generate_latest

from models.learner import Schedule
from models_log import LOG, ExampleLog, example_values
from profile_store.memory import MemoryShardStore
from streams.learner_metrics import LearnerMetrics
from streams.metrics import Metrics


class _Told:
    """Metrics by name and labels."""

    def __init__(self) -> None:
        self.metrics = Metrics()

    def __call__(self, name: str, model: str | None = None) -> float | None:
        labels = {} if model is None else {"model": model}
        return self.metrics.registry.get_sample_value(f"afflux_{name}", labels)


async def test_a_learner_is_seen_from_outside() -> None:
    """Counters count each example once; quality has the figures of the model's kind; then gone."""
    told, store = _Told(), MemoryShardStore(64)
    values: list[bytes | None] = [*example_values(600), b"garbage"]
    log = ExampleLog(values)
    plane = log.plane(store, Schedule(10_000, 5.0), LearnerMetrics(told.metrics))
    await plane.assigned(log.ranges())
    assert told("learner_lag_examples") == 601
    await log.feed(plane, 0)
    await log.feed(plane, 500)
    assert told("learned_total", "churn") == 300
    assert told("learned_total", "lifetime_value") == 300
    assert told("learner_repeats_total", "churn") == 50
    assert told("learner_unreadable_total") == 2
    assert told("learner_lag_examples") == 601
    assert told("model_auc", "churn") is None
    log.now += 5.0
    await plane.tick()
    await plane.tick()
    log.now += 5.0
    await plane.tick()
    assert told("learner_lag_examples") == 0
    assert told("snapshots_total", "churn") == 1
    figures = plane.stats.metrics
    churn = next(m for name, m in figures.items() if name == "churn")
    amount = next(m for name, m in figures.items() if name == "lifetime_value")
    assert told("model_auc", "churn") == churn["recent_auc"]
    assert told("model_ece", "churn") == churn["recent_ece"]
    assert told("model_mae", "lifetime_value") == amount["recent_mae"]
    assert told("model_mae", "churn") is None
    assert told("model_auc", "lifetime_value") is None
    assert told("model_examples", "churn") == 300
    assert told("model_trusted", "churn") == 1
    await plane.revoked([LOG[1]])
    assert told("model_auc", "churn") is None
    assert told("learned_total", "churn") == 300
    assert b"afflux_learned_total" in generate_latest(told.metrics.registry)
