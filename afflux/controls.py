"""Control records: what they do to the one row that they concern."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from afflux import consent, links
from afflux.codes import Code
from afflux.columns import I64
from afflux.consent import CONSENT
from afflux.expiry import expire
from afflux.identity import Edge, Edges
from afflux.names import Identity
from afflux.openings import close
from afflux.outcome import Control
from afflux.position import Position
from afflux.retraction import retract
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
    expire(work, np.array([row]), np.array([w]))
    if control.kind in CONSENT:
        consent.say(work, row, control)
    elif control.timestamp <= rows["deleted_at"][row]:
        _answer(work, row, control)
    elif control.kind == "delete":
        _bury(work, row, control)
    elif control.other is not None:
        if control.kind == "forget":
            _forget(work, row, control, control.other, w)
        else:
            _relink(work, row, control, control.other, w)


def _forget(work: Workspace, row: int, control: Control, other: Identity, w: int) -> None:
    if links.forget(work, row, other, control.timestamp, w):
        work.rows["last_offset"][row] = control.offset
        work.relinked.add(row)


def _answer(work: Workspace, row: int, control: Control) -> None:
    """Who links to a deleted person by an event from before the delete shall not name them."""
    if control.kind == "edge" and control.other is not None:
        _tell_to_forget(work, row, control, [control.other])


def _tell_to_forget(
    work: Workspace, row: int, control: Control, others: Sequence[Identity]
) -> None:
    edge = Edge(int(work.rows["deleted_at"][row]), control.event_id, False)
    for rank, other in enumerate(others):
        links.derive(work, "forget", row, other, edge, control.offset, control.append_time, rank)


def _relink(work: Workspace, row: int, control: Control, other: Identity, w: int) -> None:
    edge = Edge(control.timestamp, control.event_id, control.kind == "edge")
    if not links.put(work, row, other, edge, w):
        return
    work.relinked.add(row)
    work.rows["last_offset"][row] = control.offset
    if control.origin is None:
        links.derive(work, control.kind, row, other, edge, control.offset, control.append_time, 0)


def _bury(work: Workspace, row: int, control: Control) -> None:
    """A tombstone: nothing is left but the time of the delete, and what was said of consent.

    The time is not before that of the last event that was folded, so that no event of theirs can
    come back by a replay. Everybody who is linked to them is told to forget it.
    """
    at: I64 = np.array([row])
    blank = work.catalog.new_fragments(1)
    deleted_at = max(control.timestamp, int(work.rows["last_ts"][row]))
    for name in blank.dtype.names or ():
        if name != "consent":
            work.rows[name][at] = blank[name]
    work.rows["deleted_at"][row] = deleted_at
    work.rows["last_offset"][row] = control.offset
    retract(work, row)
    work.interests.clear(row)
    work.timelines.clear(row)
    edges = work.edges_of(row)
    if len(edges):
        _tell_to_forget(work, row, control, [other for other, _ in edges])
        work.edges[row] = Edges()
