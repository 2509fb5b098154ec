"""The learner of one model: test on what was served, then learn, one example after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from afflux.examples import EARLY, LABEL_UNCERTAIN, ExampleColumns, ExampleKey
from afflux.names import Identity, ModelName
from models.as_of import Moments
from models.commands import Command
from models.contender import Contender, recipe_facts, recipe_of
from models.contract import Arrays, Model, ModelError
from models.figures import how_served
from models.history import Entry, EntryKind
from models.judge import Judge
from models.known_examples import without_name
from models.learners import Engine, state_goes_on
from models.percentiles import REMEMBERED, cut_points
from models.recent import Recent
from models.river_learner import river_version
from models.roster import Labelled, Roster, Rules
from models.snapshot import Snapshot, SnapshotError, to_scoring, version_name


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

    The state, and so the bytes of a snapshot, depends on the examples, the commands among them and
    their order only, not on the blocks that they come in nor on repeats among them.
    """

    def __init__(
        self,
        model: Model,
        features: Sequence[str],
        engine: Engine = "array",
        rules: Rules | None = None,
        feature_set: str = "",
        clock: Callable[[], float] | None = None,
    ) -> None:
        """clock: seconds of any steady clock, for `costs`; it decides nothing."""
        self._clock = clock
        self.model = model
        self.features = tuple(features)
        self.engine = engine
        self.rules = rules or Rules()
        self.feature_set = feature_set
        self.counts = Counts()
        self.examples = 0
        self._river = river_version()
        self._start_anew()

    @property
    def name(self) -> ModelName:
        """Of the model."""
        return self.model.spec.name

    def _start_anew(self) -> None:
        self.roster = Roster(self.model, self.features, self.rules, self.engine, self._clock)
        self.judge = Judge(self.model, self.features)
        self._moments = Moments()
        self._vectors = Recent("vectors", REMEMBERED, np.float16, len(self.features))
        self._last: dict[int, ExampleKey] = {}
        self._last_early: dict[int, tuple[int, int, int]] = {}
        self._untrained = self._uncertain = self.examples = self._now = 0
        self._worse = False

    def learn(self, examples: ExampleColumns, rows: Sequence[int]) -> None:
        """Test on these rows, then learn them. Repeats and invalid ones are dropped.

        A model that learns early learns the early ones; the others are its tests.
        """
        for early, some in _by_kind(examples, rows):
            if early:
                self._learn_early(examples, some)
            else:
                self._learn_closed(examples, some)

    def _learn_early(self, examples: ExampleColumns, rows: Sequence[int]) -> None:
        if not self.model.spec.early:
            self.counts.invalid += len(rows)
            return
        at = self._fresh_early(examples, rows)
        if len(at):
            self.roster.learn_early(examples.vector[at], examples.label[at])
            self.counts.learned += len(at)

    def _learn_closed(self, examples: ExampleColumns, rows: Sequence[int]) -> None:
        at = self._fresh(examples, rows)
        while len(at):
            taken, moment = len(at), None
            if self.roster.looks_back:
                taken, moment = self._moments.next(examples.open_ts[at], examples.deadline[at])
            self._learn(examples, at[:taken])
            if moment is not None:
                self._look(moment)
            at = at[taken:]

    def _learn(self, examples: ExampleColumns, at: NDArray[np.int64]) -> None:
        part = Labelled(
            examples.vector[at], examples.label[at], examples.open_ts[at], examples.deadline[at]
        )
        self._judge_served(examples, at, part)
        self.judge.intervals(self.roster.serving.past, part, self.examples)
        self.roster.judge(part)
        self.roster.learn(part)
        self._vectors.add(part.vectors)
        self.examples += len(at)
        self.counts.learned += len(at)

    def _look(self, moment: float) -> None:
        """At a moment: states are kept, and the rules have their say."""
        if self._worse:
            self.roster.alarm()
            self._worse = False
        self.roster.keep(moment)
        self.judge.keep(moment)
        entry = self.roster.decide(self._now, self.examples)
        if entry is not None:
            self.judge.history.add(entry)

    def forget(self, identity: Identity) -> None:
        """Name somebody no longer; what was learned of them stays learned."""
        self._last = without_name(self._last, identity)

    def news(self) -> list[Entry]:
        """What has happened since this was asked last, or since it was restored."""
        return self.judge.history.news()

    @property
    def costs(self) -> dict[str, float]:
        """What each recipe takes to learn and to be judged, µs an example, in this process."""
        return self.roster.costs

    def carry_out(
        self, command: Command, find: Callable[[int], Snapshot | None] | None = None
    ) -> Entry | None:
        """Obey a command, once; what became of it, None where it was carried out before.

        find: the stored snapshot of a version, None where there is none.
        """
        if self.judge.history.knows(command.id):
            return None
        try:
            kind, text, figures = self._obey(command, find or (lambda _: None))
        except ModelError as error:
            kind, text, figures = "refusal", f"{command.words()}: {error}", {}
        entry = Entry(kind, self._now, self.examples, "command", text, figures, command.id)
        self.judge.history.add(entry)
        return entry

    def _obey(
        self, command: Command, find: Callable[[int], Snapshot | None]
    ) -> tuple[EntryKind, str, dict[str, float]]:
        gone = self.roster.champion
        if command.action == "promote":
            verdict = self.roster.promote(command.challenger)
            text = f"{command.challenger} serves instead of {gone}"
            return "promotion", text, {} if verdict is None else verdict.as_figures()
        if command.action == "resume":
            if not self.roster.held:
                raise ModelError(f"{self.name} is not held")
            self.roster.held = False
            return "resumption", f"{gone} learns again", {}
        version = version_name(command.version)
        snapshot = find(command.version)
        if snapshot is None:
            raise ModelError(f"the store has no snapshot {version} of {self.name}")
        self._check(snapshot)
        name, contender = self._contender(snapshot)
        self.roster.put(name, contender, command.hold)
        what = "serves and learns no more" if command.hold else "serves and learns on"
        figures = {"examples_back": float(self.examples - snapshot.examples)}
        return "rollback", f"{name} as of snapshot {version} {what}", figures

    def _contender(self, snapshot: Snapshot) -> tuple[str, Contender]:
        """The champion of a snapshot, as it was."""
        name = snapshot.champion
        declared = self.roster.contenders.get(name)
        recipe = declared.recipe if declared else recipe_of(snapshot.recipes[name])
        contender = Contender(self.model, recipe, self.features, self.engine)
        contender.load(snapshot.linear, snapshot.memory)
        return name, contender

    def snapshot(self, offset: int, topic_id: bytes = b"") -> Snapshot:
        """All that it knows, as of this place in the log."""
        serving = self.roster.serving
        hurdle = None if serving.hurdle is None else serving.hurdle.state
        draft = Snapshot(
            model=self.name,
            link=self.model.spec.link,
            features=self.features,
            offset=offset,
            topic_id=topic_id,
            last=dict(self._last),
            examples=self.examples,
            linear=serving.linear.state,
            calibration=serving.calibration.coefficients,
            shifts=serving.calibration.shifts,
            cuts=np.empty(0),
            trusted=self.judge.trusted,
            hurdle=hurdle,
            memory={
                **serving.memory(),
                **self.judge.state(),
                **self.roster.state(),
                **self._moments.state(),
                **self._vectors.state(),
                **self._early_state(),
                "counts": np.array(
                    [self._untrained, self._uncertain, self._now, self._worse], np.int64
                ),
            },
            river=self._river,
            learner=serving.kind,
            feature_set=self.feature_set,
            champion=self.roster.champion,
            former=self.roster.former,
            held=self.roster.held,
            alarmed=self.roster.alarmed,
            recipes={n: recipe_facts(c.recipe) for n, c in self.roster.contenders.items()},
            standing={
                name: verdict.as_figures()
                for name in self.roster.duels
                if (verdict := self.roster.verdict(name)) is not None
            },
            segment_names=self.model.segments.names,
            history=tuple(self.judge.history.entries),
            drifts=self.judge.history.drifts,
            time=self._now,
        )
        return replace(draft, cuts=cut_points(to_scoring(draft, 0), self._vectors.rows))

    def restore(self, snapshot: Snapshot | None) -> None:
        """Go on from a snapshot, or from nothing. Raises SnapshotError, and is as before then."""
        if snapshot is not None:
            self._check(snapshot)
        self._start_anew()
        if snapshot is None:
            return
        recipes = {name: recipe_of(facts) for name, facts in snapshot.recipes.items()}
        roster, memory = self.roster, snapshot.memory
        roster.former, roster.held, roster.alarmed = (
            snapshot.former, snapshot.held, snapshot.alarmed
        )  # fmt: skip
        roster.load(snapshot.champion, recipes, memory)
        roster.serving.load(snapshot.linear, memory)
        roster.start_new_ones(recipes)
        self.judge.load(snapshot)
        self._moments.load(memory)
        self._vectors.load(memory)
        self._untrained, self._uncertain, self._now, worse = memory["counts"].tolist()
        self._worse = bool(worse)
        self._last = dict(snapshot.last)
        early = memory.get("early.last", np.empty((0, 4), np.int64)).tolist()
        self._last_early = {s: (seen, source, opened) for s, seen, source, opened in early}
        self.examples = snapshot.examples

    def metrics(self) -> dict[str, float]:
        """Figures of what was served, and how many examples were served untrained."""
        return {**self.judge.figures(), **how_served(self._untrained, self._uncertain)}

    def _fresh(self, examples: ExampleColumns, rows: Sequence[int]) -> NDArray[np.int64]:
        """The rows to learn; their order within a shard is remembered."""
        valid, last = self._valid(examples, rows).tolist(), self._last
        shards, deadlines = examples.shard[rows].tolist(), examples.deadline[rows].tolist()
        identities, models = examples.identities, examples.models
        fresh = []
        for i, sound, shard, deadline in zip(rows, valid, shards, deadlines, strict=True):
            key: ExampleKey = (deadline, identities[i], models[i])
            known = last.get(shard)
            if known is not None and key <= known:
                self.counts.repeats += 1
            elif not sound:
                self.counts.invalid += 1
            else:
                last[shard] = key
                fresh.append(i)
        return np.array(fresh, np.int64)

    def _fresh_early(self, examples: ExampleColumns, rows: Sequence[int]) -> NDArray[np.int64]:
        """The early rows to learn; their order within a shard is remembered."""
        valid = self._valid(examples, rows)
        fresh = []
        for i, sound in zip(rows, valid.tolist(), strict=True):
            shard, key = int(examples.shard[i]), examples.early_key(i)
            last = self._last_early.get(shard)
            if last is not None and key <= last:
                self.counts.repeats += 1
            elif not sound:
                self.counts.invalid += 1
            else:
                self._last_early[shard] = key
                fresh.append(i)
        return np.array(fresh, np.int64)

    def _early_state(self) -> Arrays:
        if not self._last_early:
            return {}
        last = [[shard, *key] for shard, key in sorted(self._last_early.items())]
        return {"early.last": np.array(last, np.int64)}

    def _valid(self, examples: ExampleColumns, rows: Sequence[int]) -> NDArray[np.bool_]:
        labels = examples.label[rows]
        if self.model.spec.link == "amount":
            possible = (labels >= 0) & np.isfinite(labels)
        else:
            possible = (labels == 0) | (labels == 1)
        sound: NDArray[np.bool_] = possible & np.isfinite(examples.vector[rows]).all(axis=1)
        return sound

    def _judge_served(
        self, examples: ExampleColumns, at: NDArray[np.int64], part: Labelled
    ) -> None:
        served = examples.served[at].astype(np.float64)
        numbers = np.arange(self.examples + 1, self.examples + 1 + len(at))
        self._uncertain += int(np.count_nonzero(examples.flags[at] & LABEL_UNCERTAIN))
        labels, vectors, closed = part.labels, part.vectors, part.closed
        trained = (examples.version[at] != 0) & np.isfinite(served)
        if not trained.all():
            seen = np.flatnonzero(trained)
            self._untrained += len(at) - len(seen)
            served, numbers, labels = served[seen], numbers[seen], labels[seen]
            vectors, closed = vectors[seen], closed[seen]
        worse = self.judge.served(served, labels, vectors, closed, numbers)
        self._worse = self._worse or worse
        self._now = max(self._now, int(part.closed.max()))

    def _check(self, snapshot: Snapshot) -> None:
        spec = self.model.spec
        if (snapshot.model, snapshot.link) != (spec.name, spec.link):
            raise SnapshotError(
                f"a snapshot of {snapshot.model} ({snapshot.link}) for {spec.name} ({spec.link})"
            )
        if snapshot.features != self.features:
            raise SnapshotError(f"snapshot of {spec.name} was learned from other features")
        declared = self.roster.contenders.get(snapshot.champion)
        if declared is not None and not state_goes_on(declared.kind, snapshot.learner):
            raise SnapshotError(
                f"snapshot of {spec.name} is of another kind of learner ({snapshot.learner}, not "
                f"{declared.kind}); the model has to start anew"
            )
        if declared is not None and declared.kind == "river" and snapshot.river != self._river:
            raise SnapshotError(
                f"snapshot of {spec.name} is of River {snapshot.river or '(none)'}, installed is "
                f"{self._river or 'none'}; learn it with arrays, or install that version"
            )


def _by_kind(examples: ExampleColumns, rows: Sequence[int]) -> Iterator[tuple[bool, Sequence[int]]]:
    """The rows in their order, in runs of early ones and of others."""
    flags = examples.flags[rows] & EARLY
    if not flags.any():
        yield False, rows
        return
    for early, run in groupby(zip(flags.tolist(), rows, strict=True), lambda pair: pair[0] != 0):
        yield early, [row for _, row in run]
