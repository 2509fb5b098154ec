"""Rows as bytes: structured arrays that the store keeps, many at a time."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from afflux.features.contract import FieldList
from afflux.names import AffluxError

RING = 16
"""Ids of accepted events that a fragment remembers."""

HEADER: FieldList = (
    ("layout", "<u8", ()),
    ("last_offset", "<i8", ()),
    ("deleted_at", "<i8", ()),
    ("links", "<u4", ()),
    ("linked_at", "<i8", ()),
    ("consent", "<i8", ()),
)
"""layout: of the catalog. last_offset: of the last record folded, -1 before the first.
deleted_at: event time of the delete, 0 none. links: live edges. linked_at: W when links last
went from none to one. consent: event time of the last word about being scored, negative where
the word was that it may be, 0 where nothing was said."""

_DELETED_AT = struct.Struct("<Qqq")
"""The fields up to it; they come first in every layout."""

RECENT_IDS: FieldList = (("ring", "<u8", (RING,)), ("ring_at", "<u4", ()))
"""Hashes of the last accepted ids in offset order; ring_at is where the next one goes."""


class RowError(AffluxError):
    """A stored row has another layout, or is damaged."""


def to_bytes(rows: NDArray[np.void]) -> list[bytes]:
    """The stored form of each row."""
    data, size = rows.tobytes(), rows.dtype.itemsize
    return [data[at : at + size] for at in range(0, len(data), size)]


def from_bytes(values: Sequence[bytes | None], new: NDArray[np.void]) -> NDArray[np.void]:
    """Writable rows, `new[0]` where there is None. Raises RowError."""
    blank, dtype = new[:1].tobytes(), new.dtype
    data = bytearray().join([blank if v is None else v for v in values])
    if len(data) != len(values) * dtype.itemsize:
        raise RowError(f"{len(values)} rows have {len(data)} bytes, not {dtype.itemsize} each")
    rows = np.frombuffer(data, dtype)
    if len(rows) and (rows["layout"] != new["layout"][0]).any():
        raise RowError("a row was written under another layout of the features or models")
    return rows


def deleted_at_of(row: bytes | None) -> int:
    """Event time of the delete of whom a stored row is about, 0 where there was none.

    Readable in rows of every layout.

    >>> deleted_at_of(None)
    0
    """
    if row is None or len(row) < _DELETED_AT.size:
        return 0
    deleted_at: int = _DELETED_AT.unpack_from(row)[2]
    return deleted_at
