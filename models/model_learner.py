"""The learner of one model: test on what was served, then learn, one example after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from afflux.examples import LABEL_UNCERTAIN, ExampleColumns, ExampleKey
from afflux.names import ModelName
from models.bin_means import Calibration
from models.contract import HurdleRecipe, Model
from models.hurdle import HurdleAmount
from models.learners import Engine, kind_of_learner, linear_learner, state_goes_on
from models.percentiles import REMEMBERED, cut_points
from models.progressive import quality_of
from models.recent import Recent
from models.river_learner import river_version
from models.snapshot import Snapshot, SnapshotError, to_scoring


@dataclass(slots=True)
class Counts:
    """What became of the examples that this process was given."""

    learned: int = 0
    repeats: int = 0
    """Not newer than the last one of their shard: dropped."""
    invalid: int = 0
    """A label or feature that no outcome can have: dropped."""


class ModelLearner:
    """All that is learned of one model, as a fold over its examples in their order.

    The state, and so the bytes of a snapshot, depends on the examples and their order only, not
    on the blocks that they come in nor on repeats among them.
    """

    def __init__(self, model: Model, features: Sequence[str], engine: Engine = "array") -> None:
        self.model = model
        self.features = tuple(features)
        self.engine = engine
        self.counts = Counts()
        self.examples = 0
        self._kind = kind_of_learner(model, engine)
        self._river = river_version()
        self._start_anew()

    @property
    def name(self) -> ModelName:
        """Of the model."""
        return self.model.spec.name

    def _start_anew(self) -> None:
        recipe = self.model.recipe
        self._linear = linear_learner(self.model, self.features, self.engine)
        self._hurdle: HurdleAmount | None = None
        if isinstance(recipe, HurdleRecipe):
            self._hurdle = HurdleAmount(recipe.amount, len(self.features))
        self._calibration = Calibration()
        self._quality = quality_of(self.model.spec.link)
        self._vectors = Recent("vectors", REMEMBERED, np.float16, len(self.features))
        self._last: dict[int, ExampleKey] = {}
        self._untrained = self._uncertain = self.examples = 0

    def learn(self, examples: ExampleColumns, rows: Sequence[int]) -> None:
        """Test on these rows, then learn them. Repeats and invalid ones are dropped."""
        at = self._fresh(examples, rows)
        if not len(at):
            return
        vectors, labels = examples.vector[at], examples.label[at]
        self._judge(examples, at)
        targets = self.model.target(labels)
        scores = self._linear.learn(vectors, targets)
        if self.model.calibrated:
            opened, closed = examples.open_ts[at].tolist(), examples.deadline[at].tolist()
            self._calibration.learn(scores, targets.tolist(), opened, closed)
        if self._hurdle is not None:
            self._hurdle.learn(vectors, labels)
        self._vectors.add(vectors)
        self.examples += len(at)
        self.counts.learned += len(at)

    def snapshot(self, offset: int, topic_id: bytes = b"") -> Snapshot:
        """All that it knows, as of this place in the log."""
        draft = Snapshot(
            model=self.name,
            link=self.model.spec.link,
            features=self.features,
            offset=offset,
            topic_id=topic_id,
            last=dict(self._last),
            examples=self.examples,
            linear=self._linear.state,
            calibration=self._calibration.coefficients,
            shifts=self._calibration.shifts,
            cuts=np.empty(0),
            trusted=self._quality.trusted,
            metrics=self.metrics(),
            hurdle=None if self._hurdle is None else self._hurdle.state,
            memory={
                **self._linear.memory(),
                **({} if self._hurdle is None else self._hurdle.memory()),
                **self._calibration.state(),
                **self._quality.state(),
                **self._vectors.state(),
                "counts": np.array([self._untrained, self._uncertain]),
            },
            river=self._river,
            learner=self._kind,
        )
        return replace(draft, cuts=cut_points(to_scoring(draft, 0), self._vectors.rows))

    def restore(self, snapshot: Snapshot | None) -> None:
        """Go on from a snapshot, or from nothing. Raises SnapshotError, and is as before then."""
        if snapshot is not None:
            self._check(snapshot)
        self._start_anew()
        if snapshot is None:
            return
        self._linear.load(snapshot.linear, snapshot.memory)
        if self._hurdle is not None:
            self._hurdle.load(snapshot.memory)
        self._calibration.load(snapshot.memory)
        self._quality.load(snapshot.memory)
        self._vectors.load(snapshot.memory)
        self._untrained, self._uncertain = snapshot.memory["counts"].tolist()
        self._last = dict(snapshot.last)
        self.examples = snapshot.examples

    def metrics(self) -> dict[str, float]:
        """Figures of what was served, and how many examples were served untrained."""
        return {
            **self._quality.figures(),
            "untrained": float(self._untrained),
            "uncertain": float(self._uncertain),
        }

    def _fresh(self, examples: ExampleColumns, rows: Sequence[int]) -> NDArray[np.int64]:
        """The rows to learn; their order within a shard is remembered."""
        valid = self._valid(examples, rows)
        fresh = []
        for i, sound in zip(rows, valid.tolist(), strict=True):
            shard, key = int(examples.shard[i]), examples.key(i)
            last = self._last.get(shard)
            if last is not None and key <= last:
                self.counts.repeats += 1
            elif not sound:
                self.counts.invalid += 1
            else:
                self._last[shard] = key
                fresh.append(i)
        return np.array(fresh, np.int64)

    def _valid(self, examples: ExampleColumns, rows: Sequence[int]) -> NDArray[np.bool_]:
        labels = examples.label[rows]
        if self.model.spec.link == "amount":
            possible = (labels >= 0) & np.isfinite(labels)
        else:
            possible = (labels == 0) | (labels == 1)
        sound: NDArray[np.bool_] = possible & np.isfinite(examples.vector[rows]).all(axis=1)
        return sound

    def _judge(self, examples: ExampleColumns, at: NDArray[np.int64]) -> None:
        served = examples.served[at].astype(np.float64)
        trained = (examples.version[at] != 0) & np.isfinite(served)
        self._untrained += int(len(at) - trained.sum())
        self._uncertain += int(((examples.flags[at] & LABEL_UNCERTAIN) != 0).sum())
        self._quality.add(served[trained], examples.label[at][trained])

    def _check(self, snapshot: Snapshot) -> None:
        spec = self.model.spec
        if (snapshot.model, snapshot.link) != (spec.name, spec.link):
            raise SnapshotError(
                f"a snapshot of {snapshot.model} ({snapshot.link}) for {spec.name} ({spec.link})"
            )
        if snapshot.features != self.features:
            raise SnapshotError(f"snapshot of {spec.name} was learned from other features")
        if not state_goes_on(self._kind, snapshot.learner):
            raise SnapshotError(
                f"snapshot of {spec.name} is of another kind of learner ({snapshot.learner}, not "
                f"{self._kind}); the model has to start anew"
            )
        if self._kind == "river" and snapshot.river != self._river:
            raise SnapshotError(
                f"snapshot of {spec.name} is of River {snapshot.river or '(none)'}, installed is "
                f"{self._river or 'none'}; learn it with arrays, or install that version"
            )
