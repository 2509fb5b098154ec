"""Repeats of an id among the last accepted ones of its fragment, in offset order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from afflux.columns import U32, U64, Bool
from afflux.rows import RING
from afflux.segments import Index, ends, every, rank, some


def accept(ring: U64, ring_at: U32, row: Index, id_hash: U64, start: Bool) -> Bool:
    """Which events are new; their ids enter `ring` (rows, 16) and move `ring_at`, in place.

    Events are sorted by (row, offset); `start` marks the first of each row. Rows without any
    repeat, in the ring or in the batch, need no order; the others are done one by one.
    """
    new = np.ones(len(row), np.bool_)
    known = ring[row] == id_hash[:, None]
    apart = every(start)
    if apart and not some(known):
        _push(ring, ring_at, row, id_hash, start)
        return new
    doubtful = known.any(axis=1)
    if not apart:
        doubtful |= _repeated(id_hash)
    if some(doubtful):
        at = np.isin(row, row[doubtful]).nonzero()[0]
        new[at] = _one_by_one(ring, ring_at, row[at], id_hash[at])
        clear = np.ones(len(row), np.bool_)
        clear[at] = False
        row, id_hash = row[clear], id_hash[clear]
        start = start[clear]
    _push(ring, ring_at, row, id_hash, start)
    return new


def _push(ring: U64, ring_at: U32, row: Index, id_hash: U64, start: Bool) -> None:
    if every(start):
        next_at = ring_at[row]
        ring[row, next_at] = id_hash
        ring_at[row] = (next_at + 1) % RING
        return
    place = rank(start)
    last = ends(start).nonzero()[0]
    count = place[last] + 1
    kept = place >= np.repeat(count, count) - RING
    at = (ring_at[row] + place) % RING
    ring[row[kept], at[kept]] = id_hash[kept]
    ring_at[row[last]] = (at[last] + 1) % RING


def _repeated(id_hash: U64) -> Bool:
    """Which ids are there more than once."""
    order = np.argsort(id_hash)
    equal = id_hash[order[1:]] == id_hash[order[:-1]]
    repeated = np.zeros(len(id_hash), np.bool_)
    repeated[order[1:][equal]] = True
    repeated[order[:-1][equal]] = True
    return repeated


def _one_by_one(ring: U64, ring_at: U32, row: NDArray[np.int64], id_hash: U64) -> Bool:
    new = np.ones(len(row), np.bool_)
    known: dict[int, list[int]] = {r: ring[r].tolist() for r in set(row.tolist())}
    for i, (r, h) in enumerate(zip(row.tolist(), id_hash.tolist(), strict=True)):
        ids = known[r]
        if h in ids:
            new[i] = False
        else:
            at = int(ring_at[r])
            ids[at] = h
            ring_at[r] = (at + 1) % RING
    for r, ids in known.items():
        ring[r] = ids
    return new
