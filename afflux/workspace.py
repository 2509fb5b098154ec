"""What a step works on: rows by field, and what has come out so far."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afflux.baskets.basketry import Basketry
from afflux.catalog import Catalog
from afflux.columns import F64, I64, U8, U64, Bool, EventColumns
from afflux.features.channels import MOST, addends
from afflux.features.contract import Cut
from afflux.identity import Edges
from afflux.interests.table import InterestTable
from afflux.limits import StepSettings
from afflux.merge import merge
from afflux.outcome import Control, Fetched
from afflux.outcomes import NEVER, Rules, deadlines
from afflux.segments import by_row, every, filled, some, starts
from afflux.timeline.table import TimelineTable
from afflux.watermark import Passage

Rows = dict[str, NDArray[Any]]


class RowFields(Rows):
    """Rows by field, each a contiguous copy that is made when it is first asked for.

    The fields of a single row are contiguous as they are: they are views into a copy of it.
    """

    def __init__(self, table: NDArray[np.void]) -> None:
        super().__init__()
        self._single = len(table) == 1
        self._table = table.copy() if self._single else table

    def __missing__(self, name: str) -> NDArray[Any]:
        column = self._table[name]
        if not self._single:
            column = column.copy()
        self[name] = column
        return column

    def packed(self) -> NDArray[np.void]:
        """As a structured array."""
        packed = self._table.copy()
        if self._single:
            return packed
        for name, column in self.items():
            packed[name] = column
        return packed


@dataclass(frozen=True, slots=True)
class Stretch:
    """Events to fold, sorted by (row, offset)."""

    index: I64
    """In the batch."""
    row: I64
    offset: I64
    ts: I64
    kind: U8
    code: U8
    """`EventColumns.codes`."""
    amount: F64
    quantity: F64
    id_hash: U64
    before: I64
    """W(o) before the record."""
    behind: I64
    """W after it."""
    start: Bool
    """First of its row."""
    apart: bool
    """All of them are."""

    def __len__(self) -> int:
        return len(self.row)

    def take(self, keep: Bool) -> Stretch:
        """The events where `keep`."""
        if every(keep):
            return self
        at = keep.nonzero()[0]
        row = self.row[at]
        start = starts(row)
        kind = self.kind[at]
        code = kind if self.code is self.kind else self.code[at]
        return Stretch(
            self.index[at], row, self.offset[at], self.ts[at], kind, code, self.amount[at],
            self.quantity[at], self.id_hash[at], self.before[at], self.behind[at], start,
            every(start),
        )  # fmt: skip


def stretch(events: EventColumns, passage: Passage, index: I64) -> Stretch:
    """The events of the batch at `index` (ascending)."""
    row = events.identity[index].astype(np.int64)
    order, start = by_row(row)
    row = row[order]
    at = index[order]
    kind = events.kind[at]
    return Stretch(
        index=at,
        row=row,
        offset=events.offset[at],
        ts=events.timestamp[at],
        kind=kind,
        code=kind if events.code is None else events.code[at],
        amount=np.minimum(events.amount[at], MOST),
        quantity=np.minimum(events.quantity[at], MOST),
        id_hash=events.id_hash[at],
        before=passage.before[at],
        behind=passage.behind[at],
        start=start,
        apart=every(start),
    )


class Workspace:
    """Mutable while one step runs; nothing of it is shared with its inputs."""

    def __init__(self, fetched: Fetched, catalog: Catalog, settings: StepSettings) -> None:
        n = len(fetched.identities)
        self.fetched = fetched
        self.catalog = catalog
        self.settings = settings
        self.rows = RowFields(fetched.fragment)
        self.served = fetched.served.copy()
        self.changed: Bool = np.zeros(n, np.bool_)
        """Fragments that differ from what was fetched."""
        self.served_changed: Bool = np.zeros(n, np.bool_)
        self.last_event: I64 = filled(n, -1)
        """Row -> index in the batch of its last accepted event, -1 none."""
        self.closing, self.deadline = _deadlines(self.rows, catalog.rules)
        """(model, row, slot) -> its deadline, NEVER where it is not open."""
        """Earliest open deadline of each row, NEVER where nothing is open."""
        self.was_deadline = self.deadline.copy()
        self.opening: I64 = filled((n, catalog.openings.slots), -1)
        """(row, slot) -> index of the opening of this step that is in it."""
        self.opened_by: I64 = filled((n, 2), -1)
        """Row -> the last event of this step that opened a slot, and the index of that opening."""
        self.vectors: list[NDArray[np.float16]] = []
        """Of the openings of this step."""
        self.scored_vectors: NDArray[np.float16] | None = None
        """The same, and those of the other owners that were scored."""
        self.vector_of: I64 | None = None
        """Owner that was scored -> where its vector is."""
        self.openings = 0
        self.closed: list[Rows] = []
        self.early: list[Rows] = []
        self.edges: dict[int, Edges] = {}
        """Only the changed ones."""
        self.derived: list[Control] = []
        self.deleted: set[int] = set()
        self.lifetime: I64 | None = None
        """Row -> how long it lives after its last event, where rows expire at all."""
        self.expired: Bool = np.zeros(n, np.bool_)
        """Rows that expired, though events may have followed."""
        self.relinked: set[int] = set()
        """Rows whose links a control record changed."""
        self.timelines = TimelineTable(settings.timelines)

    @cached_property
    def baskets(self) -> Basketry:
        """What recommenders learn from."""
        return Basketry()

    @cached_property
    def interests(self) -> InterestTable:
        """Made when it is first asked for: most batches have no use for it."""
        return InterestTable(self.fetched.interests, self.settings.interests)

    def edges_of(self, row: int) -> Edges:
        """Edges of a row as they are now."""
        found = self.edges.get(row)
        return self.fetched.edges.get(row, _NO_EDGES) if found is None else found

    def matrix(self, row: I64, at: I64) -> NDArray[np.float16]:
        """Feature vectors of ascending rows at time `at`, each merged with its linked fragments."""
        matrix = self.catalog.matrix(self._features_of(row), at)
        linked = self.fetched.linked
        if linked is None or not len(linked):
            return matrix
        owner = self.fetched.linked_owner
        mine = np.isin(row, owner).nonzero()[0]
        if len(mine):
            place = np.full(len(self.changed), -1)
            place[row[mine]] = np.arange(len(mine))
            of = place[owner]
            fragments = np.concatenate([self.rows.packed()[row[mine]], linked[of >= 0]])
            owners = np.concatenate([np.arange(len(mine)), of[of >= 0]])
            merged = merge(self.catalog, fragments, owners, len(mine))
            matrix[mine] = self.catalog.matrix(merged, at[mine])
        return matrix

    def _features_of(self, row: I64) -> Rows:
        if len(row) == len(self.changed):  # each of them, in their order
            return self.rows
        return {name: self.rows[name][row] for name in self.catalog.feature_fields}

    def fold(self, s: Stretch) -> None:
        """Fold accepted events into the features."""
        x = addends(s.row, s.ts, s.kind, s.amount, s.quantity)
        cut = Cut(s.row, s.ts, s.kind, x, s.code)
        for feature in self.catalog.parts:
            feature.update(self.rows, cut)


def _deadlines(rows: Rows, rules: Rules) -> tuple[I64, I64]:
    """Of every (model, row, slot), and the earliest of each row."""
    is_open = rows["slot_open"]
    if some(is_open):
        closing = deadlines(is_open, rows["slot_ts"], rules)
        return closing, closing.min(axis=(0, 2))
    return filled((len(rules.bit), *is_open.shape), NEVER), filled(len(is_open), NEVER)


_NO_EDGES = Edges()
