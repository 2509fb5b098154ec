"""The stream in one process: the step folds, opens, closes and scores; the learner tests, learns.

Nothing here is a copy of what workers do: `afflux.step` and `models.learner` are called as the
planes call them. What differs is around them: rows are in memory, there is one shard, and new
snapshots are adopted after so many learned examples, so that figures are the same on every machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import overload

import numpy as np
from numpy.typing import NDArray

from afflux.catalog import Catalog
from afflux.columns import I64, EventColumns
from afflux.examples import ExampleColumns
from afflux.limits import Silence, StepSettings
from afflux.names import Identity
from afflux.outcome import Batch
from afflux.outcomes import Openings
from afflux.position import Position, TopicPosition, Watermark
from afflux.scoring import LinearScorer, untrained
from afflux.step import step
from afflux.watermark import after
from launcher.errors import LauncherError
from launcher.evaluation.event_log import EventLog, Events
from launcher.evaluation.people import People
from models.contract import Model
from models.learner import Learner, Schedule, slices
from models.snapshot import to_scoring

BATCH = 500
_SLICE = 256
_MOST_SLOTS = 4_096
_NONE = np.empty(0, np.int32)
_EARLY_ONLY = {"seen", "source"}


SERVED = Openings()
"""What an installation opens."""


@dataclass(frozen=True)
class Rules:
    """What decides the figures, beside the events and the models."""

    openings: Openings = SERVED
    widen: bool = False
    """More slots are made whenever somebody needs them: no opening is lost."""
    every: int | None = None
    """Examples, of all models together, between two snapshots; fewer where the log is short."""
    batch: int = BATCH
    """Events that are scored by the same snapshots."""


EVERY_EVENT = Rules(Openings(slots=8, gap_ms=1), widen=True)
"""Each event that may open an example does."""

Sink = Callable[[NDArray[np.void]], None]
"""Takes closed examples, dtype `catalog.closed` with the row of the person, before they are
learned."""


class Engine:
    """One partition with one shard, folded in batches."""

    def __init__(
        self, models: Sequence[Model], log: EventLog, rules: Rules, sink: Sink | None = None
    ) -> None:
        self.models = tuple(models)
        self.rules = rules
        self.catalog = Catalog([m.spec for m in models], rules.openings)
        self.people = People(log.identities, self.catalog)
        self.learner = Learner(
            models, self.catalog.features, Schedule(rules.every or _every(len(log)), np.inf)
        )
        self.learner.restore({}, b"", 0, 2**62)
        self.scorer = LinearScorer(
            [untrained(m.name, m.link, self.catalog.dimension) for m in self.catalog.models]
        )
        self.events = self.snapshots = 0
        self._log = log
        self._sink = sink
        self._settings = StepSettings(shards=1, silence=Silence(0))
        self._position = Position(self.catalog.layout, (TopicPosition(bytes(16), 0),))
        self._watermark = Watermark()
        self._examples = 0
        self._names = [m.name for m in self.catalog.models]
        self._place = np.empty(len(log.identities), np.int32)

    @property
    def counters(self) -> Sequence[int]:
        """By `afflux.codes.Code`."""
        return self._position.counters

    @property
    def progress(self) -> int:
        """Rows of the log that are read; where several make an event there are more of them."""
        return int(getattr(self._log, "done", self.events))

    def run(self, told: Callable[[int], None] | None = None) -> None:
        """The whole log; `told` hears how many events are folded."""
        for block in self._log.blocks(self.rules.batch):
            self.advance(block)
            if told is not None:
                told(self.events)

    def advance(self, block: Events) -> None:
        """One batch: fold it, learn what it closed, look for new snapshots."""
        rows, identity = self._people_of(block["who"])
        if self.rules.widen:
            self._make_room(rows, identity)
        events = self._columns(block, rows, identity)
        base, end = self.events, self.events + len(block)
        passage = after(self._watermark, events, [], self._settings)
        due = self.people.due(passage.end.value)
        self._place[due] = -1
        self._place[rows] = 0
        rows = np.concatenate([rows, due[self._place[due] < 0]])
        fetched = self.people.fetch(rows)
        out = step(
            Batch(0, base, end, events), self._watermark, fetched, {0: self._position},
            self.catalog, self.scorer, self._settings,
        )  # fmt: skip
        self.people.commit(rows, out)
        self._position, self._watermark, self.events = out.positions[0], passage.end, end
        if len(out.early):
            self._learn(self._columns_of(out.early, fetched.identities))
        if len(out.closed):
            examples = self._columns_of(out.closed, fetched.identities)
            if self._sink is not None:
                out.closed["row"] = rows[out.closed["row"]]
                self._sink(out.closed)
            self._learn(examples)

    def _people_of(self, who: NDArray[np.int32]) -> tuple[I64, NDArray[np.int32]]:
        """Rows in order of first appearance, and the place of each event's row among them."""
        n, place = len(who), self._place
        place[who[::-1]] = np.arange(n - 1, -1, -1, dtype=np.int32)  # the first one stays
        first = place[who]
        new = first == np.arange(n, dtype=np.int32)
        rank = np.cumsum(new, dtype=np.int32) - 1
        return who[new].astype(np.int64), rank[first]

    def _columns(self, block: Events, rows: I64, identity: NDArray[np.int32]) -> EventColumns:
        everybody, ts = self.people.identities, np.ascontiguousarray(block["ts"])
        kind, code = self.catalog.types.split(np.ascontiguousarray(block["kind"]))
        return EventColumns(
            offset=np.arange(self.events, self.events + len(block), dtype=np.int64),
            timestamp=ts,
            append_time=ts,
            identity=identity,
            identities=[everybody[i] for i in rows.tolist()],
            identity_hash=self.people.hashes[rows],
            id_hash=np.ascontiguousarray(block["id"]),
            event_ids=_Unnamed(len(block)),
            kind=kind,
            code=code,
            amount=np.ascontiguousarray(block["amount"]),
            quantity=np.ascontiguousarray(block["quantity"]),
            link_event=_NONE,
            link_identity=_NONE,
            link_names=(),
        )

    def _make_room(self, rows: I64, identity: NDArray[np.int32]) -> None:
        """More slots if the events of this batch could fill those of anybody."""
        needed = int((self.people.open_slots(rows) + np.bincount(identity)).max(initial=0))
        openings = self.catalog.openings
        if needed <= openings.slots:
            return
        if needed > _MOST_SLOTS:
            raise LauncherError(
                f"somebody has {needed:,} examples open at the same time",
                hint="open them less often, with `openings: {gap: 1d}` in the mapping",
            )
        wider = replace(openings, slots=max(needed, openings.slots * 3 // 2))
        self.catalog = Catalog(self.catalog.models, wider)
        self.people.widen(self.catalog)
        self._position = replace(self._position, layout=self.catalog.layout)

    def _learn(self, examples: ExampleColumns) -> None:
        for part in slices(examples, _SLICE):
            self.learner.learn(part)
        self._examples += len(examples)
        self.learner.advance(self._examples)
        if self.learner.due(0.0):
            self._adopt()

    def _adopt(self) -> None:
        self.snapshots += 1
        snapshots = self.learner.snapshots()
        self.scorer = LinearScorer([to_scoring(s, self.snapshots) for s in snapshots])
        self.learner.published(0.0)

    def _columns_of(
        self, closed: NDArray[np.void], identities: Sequence[Identity]
    ) -> ExampleColumns:
        names = set(closed.dtype.names or ())
        return ExampleColumns(
            shard=np.ascontiguousarray(closed["shard"]),
            deadline=np.ascontiguousarray(closed["deadline"]),
            identities=[identities[r] for r in closed["row"].tolist()],
            models=[self._names[m] for m in closed["model"].tolist()],
            open_ts=np.ascontiguousarray(closed["open_ts"]),
            open_offset=np.ascontiguousarray(closed["open_offset"]),
            vector=np.ascontiguousarray(closed["vector"]),
            served=np.ascontiguousarray(closed["served"]),
            version=np.ascontiguousarray(closed["version"]),
            label=np.ascontiguousarray(closed["label"]),
            flags=np.ascontiguousarray(closed["flags"]),
            **{name: np.ascontiguousarray(closed[name]) for name in _EARLY_ONLY & names},
        )


def _every(rows: int) -> int:
    """As a worker at the pace of the events would, as far as time allows.

    >>> [_every(n) for n in (1_000, 20_000, 10**6)]
    [50, 200, 1000]
    """
    return min(1_000, max(50, rows // 100))


class _Unnamed(Sequence[str]):
    """Ids of events of which only the hashes are kept."""

    def __init__(self, n: int) -> None:
        self._n = n

    def __len__(self) -> int:
        return self._n

    @overload
    def __getitem__(self, i: int) -> str: ...

    @overload
    def __getitem__(self, i: slice) -> Sequence[str]: ...

    def __getitem__(self, i: int | slice) -> str | Sequence[str]:
        return "" if isinstance(i, int) else [""] * len(range(self._n)[i])
