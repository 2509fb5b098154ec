"""The learner: a set of models that learn from one log of examples. Pure: time comes in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from afflux.examples import ExampleColumns
from afflux.names import Identity, ModelName
from models.contract import Model
from models.history import Entry
from models.learners import Engine
from models.model_learner import Counts, ModelLearner
from models.roster import Rules
from models.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Schedule:
    """When snapshots are due: after so many learned examples or so many seconds."""

    examples: int = 5_000
    seconds: float = 5.0


class Learner:
    """Models by name, and the place in the log up to which they have learned."""

    def __init__(
        self,
        models: Sequence[Model],
        features: Sequence[str],
        schedule: Schedule | None = None,
        engine: Engine = "array",
        rules: Rules | None = None,
        feature_set: str = "",
        clock: Callable[[], float] | None = None,
    ) -> None:
        """feature_set: the version of the features, as snapshots say it.

        clock: seconds of any steady clock, by which costs are told; none are without it.
        """
        self.models = {
            m.spec.name: ModelLearner(m, features, engine, rules, feature_set, clock)
            for m in models
        }
        self.unknown = 0
        """Examples of models that are not among these: dropped."""
        self.offset = 0
        self.topic_id = b""
        self._schedule = schedule or Schedule()
        self._published_offset = 0
        self._published_learned = 0
        self._published_at: float | None = None

    @property
    def counts(self) -> Counts:
        """Over all models."""
        each = [m.counts for m in self.models.values()]
        return Counts(
            sum(c.learned for c in each),
            sum(c.repeats for c in each),
            sum(c.invalid for c in each),
        )

    def restore(
        self, snapshots: Mapping[ModelName, Snapshot], topic_id: bytes, start: int, end: int
    ) -> int:
        """Go on from these, models without one from nothing; the offset to read on from.

        The log is [start, end) of this topic. The models' snapshots may be of different places:
        reading goes on from the first, and each model drops what it knows. An offset of another
        topic (one that was made anew) or past the end says nothing, so all is read again.
        Raises SnapshotError, and some models may have been restored then.
        """
        for name, learner in self.models.items():
            learner.restore(snapshots.get(name))
        places = [
            s.offset if s is not None and s.topic_id == topic_id and s.offset <= end else start
            for s in map(snapshots.get, self.models)
        ]
        self.topic_id = topic_id
        self.offset = max(start, min(places, default=start))
        self._published_offset = self.offset
        self._published_learned = self.counts.learned
        self._published_at = None
        return self.offset

    def learn(self, examples: ExampleColumns) -> None:
        """Test and learn; the offset stays until `advance`."""
        rows: dict[ModelName, list[int]] = {}
        for i, name in enumerate(examples.models):
            rows.setdefault(name, []).append(i)
        for name, of_model in rows.items():
            learner = self.models.get(name)
            if learner is None:
                self.unknown += len(of_model)
            else:
                learner.learn(examples, of_model)

    def forget(self, identity: Identity) -> None:
        """Name somebody no longer in what is published from now on."""
        for model in self.models.values():
            model.forget(identity)

    def advance(self, offset: int) -> None:
        """Everything before `offset` has been learned."""
        self.offset = max(self.offset, offset)

    def news(self) -> Iterator[tuple[ModelName, Entry]]:
        """What has happened to the models since this was asked last."""
        for name, model in self.models.items():
            for entry in model.news():
                yield name, entry

    @property
    def changed(self) -> bool:
        """Whether there is anything that the last published snapshots do not have."""
        fresh = self.counts.learned > self._published_learned
        return fresh or self.offset > self._published_offset

    def due(self, now: float) -> bool:
        """Whether snapshots should be taken; `now` in seconds of any steady clock."""
        if not self.changed:
            self._published_at = now
            return False
        if self._published_at is None:
            self._published_at = now
        fresh = self.counts.learned - self._published_learned
        late = now - self._published_at >= self._schedule.seconds
        return fresh >= self._schedule.examples or late

    def snapshots(self) -> list[Snapshot]:
        """Snapshots of all models, as of now; the same as before as long as nothing is learned."""
        return [m.snapshot(self.offset, self.topic_id) for m in self.models.values()]

    def published(self, now: float) -> None:
        """The snapshots of this state are stored."""
        self._published_offset = self.offset
        self._published_learned = self.counts.learned
        self._published_at = now


def slices(examples: ExampleColumns, size: int) -> Iterator[ExampleColumns]:
    """The examples in consecutive parts of at most `size`; views, nothing is copied."""
    for at in range(0, len(examples), size):
        part = slice(at, at + size)
        yield ExampleColumns(
            shard=examples.shard[part],
            deadline=examples.deadline[part],
            identities=examples.identities[part],
            models=examples.models[part],
            open_ts=examples.open_ts[part],
            open_offset=examples.open_offset[part],
            vector=examples.vector[part],
            served=examples.served[part],
            version=examples.version[part],
            label=examples.label[part],
            flags=examples.flags[part],
            seen=examples.seen[part],
            source=examples.source[part],
        )
