"""Rows of everybody in memory: what the profile store is to the stream."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from afflux.catalog import Catalog
from afflux.columns import I64
from afflux.names import Identity
from afflux.outcome import Fetched, StepOutcome
from afflux.outcomes import NEVER
from afflux.shards import murmur2

_BLOCK = 1_024
"""Rows whose earliest deadline is kept, so that what is due is found without looking at all."""


class People:
    """Fragment, served row and earliest deadline of each identity, all in one shard."""

    def __init__(self, identities: Sequence[Identity], catalog: Catalog) -> None:
        n = len(identities)
        self.identities = identities
        self.hashes = murmur2(identities)
        self._fragment = catalog.new_fragments(n)
        self._served = catalog.new_served(n)
        blocks = -(-n // _BLOCK)
        self._deadline = np.full(blocks * _BLOCK, NEVER, np.int64)
        self._earliest = np.full(blocks, NEVER, np.int64)

    def due(self, until: int) -> I64:
        """Rows with a deadline before `until`."""
        blocks = (self._earliest < until).nonzero()[0]
        if not len(blocks):
            return blocks
        block, at = (self._deadline.reshape(-1, _BLOCK)[blocks] < until).nonzero()
        return blocks[block] * _BLOCK + at

    def fetch(self, rows: I64) -> Fetched:
        """Copies of the rows."""
        everybody = self.identities
        return Fetched(
            [everybody[i] for i in rows.tolist()],
            np.zeros(len(rows), np.int32),
            _taken(self._fragment, rows),
            _taken(self._served, rows),
        )

    def commit(self, rows: I64, out: StepOutcome) -> None:
        """What a step over these rows has made of them."""
        _put(self._fragment, rows, out.fragment)
        _put(self._served, rows, out.served)
        moved = out.deadline_moved.nonzero()[0]
        if len(moved):
            at, deadline = rows[moved], out.deadline[moved]
            self._deadline[at] = np.where(deadline > 0, deadline, NEVER)
            blocks = np.unique(at // _BLOCK)
            self._earliest[blocks] = self._deadline.reshape(-1, _BLOCK)[blocks].min(axis=1)

    def open_slots(self, rows: I64) -> I64:
        """How many slots of each row are open."""
        is_open: I64 = np.count_nonzero(self._fragment["slot_open"][rows], axis=1)
        return is_open

    def widen(self, catalog: Catalog) -> None:
        """The same rows with more slots, as the catalog has them."""
        n = len(self._fragment)
        self._fragment = _widened(self._fragment, catalog.new_fragments(n))
        self._served = _widened(self._served, catalog.new_served(n))

    @property
    def seen(self) -> int:
        """How many have had an event."""
        return int(np.count_nonzero(self._fragment["last_offset"] >= 0))

    def rows(self) -> tuple[NDArray[np.void], NDArray[np.void]]:
        """Fragments and served rows of everybody; not to be written to."""
        return self._fragment, self._served


def _raw(table: NDArray[np.void]) -> NDArray[np.void]:
    """Rows as opaque bytes: NumPy copies them whole instead of field by field."""
    return table.view(np.dtype((np.void, table.dtype.itemsize)))


def _taken(table: NDArray[np.void], rows: I64) -> NDArray[np.void]:
    return _raw(table).take(rows).view(table.dtype)


def _put(table: NDArray[np.void], rows: I64, new: NDArray[np.void]) -> None:
    _raw(table)[rows] = _raw(new)


def _widened(old: NDArray[np.void], new: NDArray[np.void]) -> NDArray[np.void]:
    for name in old.dtype.names or ():
        if name == "layout":
            continue
        if name.startswith("slot_"):
            new[name][:, : old[name].shape[1]] = old[name]
        else:
            new[name] = old[name]
    return new
