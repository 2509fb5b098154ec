"""What the learner reports: examples, snapshots, its lag, and how good the models are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client import Gauge

from afflux.names import ModelName
from models.figures import Figures
from models.model_learner import Counts
from models.segments import ALL
from models.snapshot import Snapshot
from streams.metrics import Metrics


class LearnerMetrics:
    """Keeps the metrics of one learner. Quality is told by the worker that learns, and no other."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._told: dict[ModelName, Counts] = {}
        self._unreadable = metrics.learner_unreadable
        self._lag = metrics.learner_lag
        self._end = self._published = 0

    def assigned(self, offset: int, end: int) -> None:
        """The learner goes on at `offset` of a log that ends at `end`."""
        self._published, self._end = offset, end
        self._show_lag()

    def learned(self, end: int, counts: Mapping[ModelName, Counts]) -> None:
        """Everything before `end` was learned; counts are of this process so far."""
        metrics = self._metrics
        for name, now in counts.items():
            before = self._told.get(name, Counts())
            metrics.learned.labels(name).inc(now.learned - before.learned)
            metrics.learner_repeats.labels(name).inc(now.repeats - before.repeats)
            metrics.learner_invalid.labels(name).inc(now.invalid - before.invalid)
            self._told[name] = Counts(now.learned, now.repeats, now.invalid)
        self._end = max(self._end, end)
        self._show_lag()

    def unreadable(self, count: int) -> None:
        """So many records were no examples."""
        self._unreadable.inc(count)

    def forgotten(self, count: int) -> None:
        """So many were of people who were deleted, and were not learned."""
        self._metrics.learner_forgotten.inc(count)

    def published(self, snapshots: Iterable[Snapshot]) -> None:
        """These are in the store now."""
        for snapshot in snapshots:
            self._metrics.snapshots.labels(snapshot.model).inc()
            self._published = max(self._published, snapshot.offset)
        self._show_lag()

    def told(self, snapshot: Snapshot, figures: Figures, costs: Mapping[str, float]) -> None:
        """How good a model is; costs: of its recipes, µs an example."""
        self._show_quality(snapshot, figures)
        self._show_parts(snapshot, figures)
        self._show_contenders(snapshot, costs)

    def recommender(self, name: str, baskets: int, figures: Mapping[str, float]) -> None:
        """How many baskets a recommender has learned, and how good its lists are."""
        self._metrics.model_examples.labels(name).set(baskets)
        for figure, value in figures.items():
            self._metrics.model_figure.labels(name, ALL, figure).set(value)

    def released(self) -> None:
        """Another worker learns from now on: what was known here would only grow old."""
        metrics = self._metrics
        for gauge in (
            metrics.model_examples, metrics.model_trusted, metrics.model_figure,
            metrics.model_calibration, metrics.model_drifts, metrics.model_champion,
            metrics.model_held, metrics.challenger_figure, metrics.recipe_cost,
        ):  # fmt: skip
            gauge.clear()
        for gauge in self._gauges().values():
            gauge.clear()
        self._end = self._published
        self._show_lag()

    def _show_lag(self) -> None:
        self._lag.set(max(0, self._end - self._published))

    def _show_quality(self, snapshot: Snapshot, figures: Figures) -> None:
        name, known = snapshot.model, figures.metrics
        self._metrics.model_examples.labels(name).set(snapshot.examples)
        self._metrics.model_trusted.labels(name).set(snapshot.trusted)
        for figure, gauge in self._gauges().items():
            value = known.get(f"recent_{figure}", known.get(figure))
            if value is not None:
                gauge.labels(name).set(value)

    def _show_parts(self, snapshot: Snapshot, figures: Figures) -> None:
        name, metrics = snapshot.model, self._metrics
        for segment, known in {ALL: figures.metrics, **figures.segments}.items():
            for figure, value in known.items():
                metrics.model_figure.labels(name, segment, figure).set(value)
        _, recent = figures.curves.get(ALL, ([], []))
        for i, (_, probability, share) in enumerate(recent):
            metrics.model_calibration.labels(name, i, "probability").set(probability)
            metrics.model_calibration.labels(name, i, "share").set(share)
        for direction, count in zip(("worse", "better"), snapshot.drifts, strict=True):
            metrics.model_drifts.labels(name, direction).set(count)

    def _show_contenders(self, snapshot: Snapshot, costs: Mapping[str, float]) -> None:
        name, metrics = snapshot.model, self._metrics
        metrics.model_held.labels(name).set(snapshot.held)
        for recipe in snapshot.recipes:
            metrics.model_champion.labels(name, recipe).set(recipe == snapshot.champion)
        for recipe, cost in costs.items():
            metrics.recipe_cost.labels(name, recipe).set(cost)
        for challenger, figures in snapshot.standing.items():
            for figure, value in figures.items():
                metrics.challenger_figure.labels(name, challenger, figure).set(value)

    def _gauges(self) -> dict[str, Gauge]:
        metrics = self._metrics
        return {"auc": metrics.model_auc, "mae": metrics.model_mae, "ece": metrics.model_ece}
