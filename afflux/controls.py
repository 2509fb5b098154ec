"""Control records: what they do to the one row that they concern."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from afflux import links
from afflux.codes import Code
from afflux.columns import I64
from afflux.identity import Edge, Edges
from afflux.names import Identity
from afflux.openings import close
from afflux.outcome import Control
from afflux.outcomes import NEVER
from afflux.position import Position
from afflux.workspace import Workspace


@dataclass(slots=True)
class Selected:
    """Control records of the advancing shards."""

    by_row: dict[int, list[tuple[Control, int]]] = field(default_factory=dict)
    """Row -> its records in offset order, each with W(o) before it."""
    counts: list[tuple[int, Code]] = field(default_factory=list)
    """(shard, code), one a record."""
    origins: dict[int, dict[int, tuple[int, int]]] = field(default_factory=dict)
    """Shard -> its origins after the step, where they moved."""


def select(
    controls: Sequence[Control],
    before: Sequence[int],
    identities: Sequence[Identity],
    positions: Mapping[int, Position],
    topic: int,
    shards: int,
) -> Selected:
    """Drop records of other shards, folded ones, and repeats of an origin (as duplicates)."""
    selected = Selected()
    if not controls:
        return selected
    row_of = {identity: r for r, identity in enumerate(identities)}
    for control, w in zip(controls, before, strict=True):
        shard = control.identity_hash % shards
        position = positions.get(shard)
        if position is None or control.offset < position.topics[topic].offset:
            continue
        if control.origin is not None and not _is_new(selected, shard, position, control.origin):
            selected.counts.append((shard, Code.duplicates))
            continue
        selected.counts.append((shard, Code.control))
        if control.identity is not None:
            selected.by_row.setdefault(row_of[control.identity], []).append((control, w))
    return selected


def _is_new(
    selected: Selected, shard: int, position: Position, origin: tuple[int, int, int]
) -> bool:
    source, *at = origin
    origins = selected.origins.get(shard, position.origins)
    if tuple(at) <= origins.get(source, (-1, -1)):
        return False
    selected.origins[shard] = {**origins, source: (at[0], at[1])}
    return True


def apply(work: Workspace, row: int, control: Control, w: int) -> None:
    """Fold one control record into its row; what is due at W(o) is closed before."""
    rows = work.rows
    if control.offset <= rows["last_offset"][row]:
        return
    close(work, np.array([row]), np.array([w]))
    if control.timestamp <= rows["deleted_at"][row]:
        return
    if control.kind == "delete":
        _bury(work, row, control)
    elif control.other is not None:
        _relink(work, row, control, control.other, w)


def _relink(work: Workspace, row: int, control: Control, other: Identity, w: int) -> None:
    edge = Edge(control.timestamp, control.event_id, control.kind == "edge")
    if not links.put(work, row, other, edge, w):
        return
    work.rows["last_offset"][row] = control.offset
    if control.origin is None:
        links.derive(work, control.kind, row, other, edge, control.offset, control.append_time, 0)


def _bury(work: Workspace, row: int, control: Control) -> None:
    """A tombstone: nothing of the person is left but the time of the delete."""
    at: I64 = np.array([row])
    blank = work.catalog.new_fragments(1)
    for name in blank.dtype.names or ():
        work.rows[name][at] = blank[name]
    work.rows["deleted_at"][row] = control.timestamp
    work.rows["last_offset"][row] = control.offset
    work.served[at] = work.catalog.new_served(1)
    work.opening[at] = -1
    work.closing[:, row] = NEVER
    work.deadline[row] = NEVER
    work.changed[row] = True
    work.served_changed[row] = False
    work.last_event[row] = -1
    work.deleted.add(row)
    work.interests.clear(row)
    if len(work.edges_of(row)):
        work.edges[row] = Edges()
