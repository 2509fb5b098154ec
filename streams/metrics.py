"""The metrics of a worker: THE list, typed, each with what it means."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from streams.ports import TP

_TIMES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_SIZES = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500)


class Metrics:
    """All metrics, in a registry of their own. Names start with `afflux_`."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self.records = self._counter(
            "records", "Records folded, per plane and topic.", ("plane", "topic")
        )
        self.rejected = self._counter(
            "rejected", "Records sent to a dead-letter topic, per topic and code.",
            ("topic", "code"),
        )  # fmt: skip
        self.lag = self._gauge(
            "lag_records", "Records in the log behind the last folded one.",
            ("plane", "topic", "partition"),
        )  # fmt: skip
        self.freshness = self._histogram(
            "freshness_seconds", "Age of a batch's last record when it was folded.", _TIMES
        )
        self.batch_records = self._histogram("batch_records", "Records in one batch.", _SIZES)
        self.step_seconds = self._histogram(
            "step_seconds", "Time to fold one batch, with commit and announcement.", _TIMES
        )
        self.commit_seconds = self._histogram(
            "commit_seconds", "Time of one commit to the profile store.", _TIMES
        )
        self.delivery_seconds = self._histogram(
            "delivery_seconds", "Time until all messages of one send were acknowledged.", _TIMES
        )
        self.rewinds = self._counter(
            "rewinds", "Seeks because the store was elsewhere than the reader.", ("plane",)
        )
        self.partitions = self._gauge(
            "partitions", "Partition numbers that this worker owns.", ("plane",)
        )
        self.paused = self._gauge(
            "paused_partitions", "Owned partition numbers that wait for store or broker.",
            ("plane",),
        )  # fmt: skip
        self.shared_identities = self._counter(
            "shared_identities",
            "Identities that began to link too many people: their links no longer count.", (),
        )  # fmt: skip
        self._verify()
        self._learner()
        self._models()

    def _verify(self) -> None:
        self.verify_checked = self._counter(
            "verify_checked", "Identities whose rows were compared with the log.", ()
        )
        self.verify_mismatched = self._counter(
            "verify_mismatched", "Identities whose rows were not what the log says.", ()
        )
        self.verify_uncheckable = self._counter(
            "verify_uncheckable",
            "Identities that could not be compared: records of them are no longer in the log.", (),
        )  # fmt: skip
        self.verify_mismatch_rate = self._gauge(
            "verify_mismatch_rate",
            "Share of the identities compared that were not what the log says, of the last pass "
            "through each partition of this worker; anything but 0 is an error.", (),
        )  # fmt: skip

    def _learner(self) -> None:
        per_model = ("model",)
        self.learned = self._counter("learned", "Examples learned, per model.", per_model)
        self.learner_repeats = self._counter(
            "learner_repeats", "Examples dropped because they were learned before.", per_model
        )
        self.learner_invalid = self._counter(
            "learner_invalid", "Examples dropped for an impossible label or feature.", per_model
        )
        self.learner_unreadable = self._counter(
            "learner_unreadable", "Records that are no examples of these features.", ()
        )
        self.learner_forgotten = self._counter(
            "learner_forgotten", "Examples of deleted people: dropped, not learned.", ()
        )
        self.snapshots = self._counter("snapshots", "Snapshots published, per model.", per_model)
        self.learner_lag = self._gauge(
            "learner_lag_examples", "Examples that no published snapshot has learned yet.", ()
        )

    def _models(self) -> None:
        per_model = ("model",)
        self.model_examples = self._gauge(
            "model_examples", "Examples in the last snapshot of a model.", per_model
        )
        self.model_trusted = self._gauge(
            "model_trusted", "1 when a model is past its quality gate.", per_model
        )
        self.model_auc = self._gauge(
            "model_auc", "AUC of a probability, of the recent scores that were served.", per_model
        )
        self.model_mae = self._gauge(
            "model_mae", "Mean absolute error of an amount, of the recent scores.", per_model
        )
        self.model_ece = self._gauge(
            "model_ece", "Calibration error of a probability, of the recent scores.", per_model
        )

        self.model_figure = self._gauge(
            "model_figure",
            "A figure of what a model served, as `afflux models show` names it; segment all is "
            "everybody, recent_ is the last 2,048 examples.",
            ("model", "segment", "figure"),
        )
        self.model_calibration = self._gauge(
            "model_calibration",
            "Calibration curve of the recent examples: mean probability, or share of positives, "
            "of each bin.",
            ("model", "bin", "part"),
        )
        self.model_drifts = self._gauge(
            "model_drifts",
            "How often the loss of what a model serves was found to have changed (ADWIN), per "
            "direction: worse or better.",
            ("model", "direction"),
        )
        self.volume_alarm = self._gauge(
            "volume_alarm",
            "1 while an alarm stands: the last closed day is not as forecast (`afflux forecast`).",
            ("segment", "measure"),
        )
        self.model_champion = self._gauge(
            "model_champion", "1 for the recipe of a model that is served.", ("model", "recipe")
        )
        self.model_held = self._gauge(
            "model_held", "1 while what is served does not learn, after a rollback.", per_model
        )
        self.challenger_figure = self._gauge(
            "challenger_figure",
            "How a challenger stands beside the champion, by what both would have said.",
            ("model", "challenger", "figure"),
        )
        self.recipe_cost = self._gauge(
            "recipe_cost_us", "Microseconds that a recipe takes an example: learned and judged.",
            ("model", "recipe"),
        )  # fmt: skip

    def of(self, plane: str) -> PlaneMetrics:
        """The metrics of one plane."""
        return PlaneMetrics(self, plane)

    def expose(self, port: int, address: str = "127.0.0.1") -> None:
        """Serve them over HTTP for Prometheus."""
        start_http_server(port, address, self.registry)

    def _counter(self, name: str, meaning: str, labels: Iterable[str]) -> Counter:
        return Counter(f"afflux_{name}", meaning, labels, registry=self.registry)

    def _gauge(self, name: str, meaning: str, labels: Iterable[str]) -> Gauge:
        return Gauge(f"afflux_{name}", meaning, labels, registry=self.registry)

    def _histogram(self, name: str, meaning: str, buckets: Iterable[float]) -> Histogram:
        return Histogram(
            f"afflux_{name}", meaning, ("plane",), registry=self.registry, buckets=tuple(buckets)
        )


class PlaneMetrics:
    """What the lanes of one plane report."""

    def __init__(self, metrics: Metrics, plane: str) -> None:
        self._metrics, self._plane = metrics, plane
        self.rewinds = metrics.rewinds.labels(plane)
        self.partitions = metrics.partitions.labels(plane)
        self.paused = metrics.paused.labels(plane)
        self._freshness = metrics.freshness.labels(plane)
        self._batch_records = metrics.batch_records.labels(plane)
        self._step_seconds = metrics.step_seconds.labels(plane)

    def folded(self, tp: TP, *, records: int, seconds: float, lag: int, age: float) -> None:
        """One batch of `records` was folded in `seconds`; its last record is `age` seconds old."""
        topic, partition = tp
        self._metrics.records.labels(self._plane, topic).inc(records)
        self._metrics.lag.labels(self._plane, topic, str(partition)).set(lag)
        self._freshness.observe(max(age, 0.0))
        self._batch_records.observe(records)
        self._step_seconds.observe(seconds)
