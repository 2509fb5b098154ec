"""Folds a stretch of events: duplicates dropped, then cut by cut.

A cut holds, of each row, the events up to and including the first that opens an example; so no
example sees its person's later events, however the log was cut into batches.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from afflux import openings
from afflux.codes import Code
from afflux.columns import I64, Bool
from afflux.duplicates import accept
from afflux.outcomes import Masks
from afflux.segments import every, filled, some
from afflux.workspace import Stretch, Workspace

Codes = NDArray[np.int64]


def admit(work: Workspace, s: Stretch) -> tuple[Codes, Stretch]:
    """The code of every event, and those that are to be folded. Their ids are known from now."""
    codes = filled(len(s), int(Code.accepted))
    keep = _not_folded_yet(work, s, codes)
    deleted_at = work.rows["deleted_at"][s.row]
    if some(deleted_at != 0):
        keep &= _alive(s, deleted_at, codes)
    fresh = s.take(keep)
    if not len(fresh):
        return codes, fresh
    new = accept(work.rows["ring"], work.rows["ring_at"], fresh.row, fresh.id_hash, fresh.start)
    if not every(new):
        codes[keep.nonzero()[0][~new]] = Code.duplicates
        fresh = fresh.take(new)
    return codes, fresh


def _not_folded_yet(work: Workspace, s: Stretch, codes: Codes) -> Bool:
    """A row may be ahead of its shard's position only after a script that failed half-way."""
    keep: Bool = s.offset > work.rows["last_offset"][s.row]
    if not every(keep):
        known = (work.rows["ring"][s.row] == s.id_hash[:, None]).any(axis=1)
        codes[~keep & ~known] = Code.duplicates
    return keep


def _alive(s: Stretch, deleted_at: I64, codes: Codes) -> Bool:
    dead = (deleted_at != 0) & (s.ts <= deleted_at)
    codes[dead] = Code.deleted_identity
    alive: Bool = ~dead
    return alive


def fold(work: Workspace, s: Stretch) -> None:
    """Fold admitted events, cut by cut."""
    while len(s):
        mask = openings.candidates(work, s)
        if s.apart:
            _fold_one(work, s, mask)
            return
        inside = _up_to_first(s, mask)
        _fold_one(work, s.take(inside), mask[inside])
        s = s.take(~inside)


def _up_to_first(s: Stretch, mask: Masks) -> Bool:
    """Events of each row up to the first with a mask."""
    at = mask.nonzero()[0]
    if not len(at):
        return np.ones(len(s), np.bool_)
    _, first = np.unique(s.row[at], return_index=True)
    segment = np.cumsum(s.start) - 1
    limit = np.full(int(segment[-1]) + 1, len(s))
    limit[segment[at[first]]] = at[first]
    inside: Bool = np.arange(len(s)) <= limit[segment]
    return inside


def _fold_one(work: Workspace, s: Stretch, mask: Masks) -> None:
    openings.count(work, s)
    work.fold(s)
    row, offset, index = s.row, s.offset, s.index
    if not s.apart:
        last = _last_of_rows(s)
        row, offset, index = row[last], offset[last], index[last]
    work.rows["last_offset"][row] = offset
    work.last_event[row] = index
    work.changed[row] = True
    if some(mask):
        opening = mask != 0
        openings.open_slots(work, s.take(opening), mask[opening])


def _last_of_rows(s: Stretch) -> I64:
    return np.append(s.start[1:], True).nonzero()[0]
