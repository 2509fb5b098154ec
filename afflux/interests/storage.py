"""The stored form of a row of interests: a head, the slots in use, their texts.

So it is as long as what is known: 34 bytes, then 18 and the texts for each thing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from afflux.columns import I64
from afflux.interests.rules import SUBJECTS
from afflux.mentions import MOST_BYTES, TEXT, U8
from afflux.rows import RowError

VERSION = 1

HEAD = np.dtype(
    [
        ("version", "u1"),
        ("count", "u1", (SUBJECTS,)),
        ("base", "<i2", (SUBJECTS,)),
        ("half_life", "<u2", (SUBJECTS,)),
        ("last_offset", "<i8"),
    ]
)
"""count: slots in use. base: 64-blocks of half-lives that the weights are on. half_life: days.
last_offset: of the last event whose mentions are in it."""

SLOT = np.dtype([("hash", "<u8"), ("weight", "<f8"), ("id_size", "u1"), ("name_size", "u1")])


def full_size(slots: Sequence[int]) -> int:
    """The most bytes that a row with so many slots can have.

    >>> full_size([64, 64, 16, 16, 16])
    25730
    """
    return HEAD.itemsize + sum(slots) * (SLOT.itemsize + 2 * MOST_BYTES)


def encode(
    head: NDArray[np.void], slots: NDArray[np.void], text: NDArray[np.void], data: U8
) -> list[bytes]:
    """One value a head.

    slots: of all rows, by row and subject. text: aligned to it, dtype `TEXT`, in `data`.
    """
    at = np.stack([text["id_at"], text["name_at"]], axis=1).reshape(-1)
    size = np.stack([text["id_size"], text["name_size"]], axis=1).reshape(-1).astype(np.int64)
    end = np.cumsum(size)
    texts = data[np.arange(int(size.sum())) + np.repeat(at - (end - size), size)].tobytes()
    heads, packed = head.tobytes(), slots.tobytes()
    slot_end = np.cumsum(head["count"].sum(axis=1, dtype=np.int64))
    text_end = np.append(0, end)[2 * slot_end].tolist()
    rows, slot, begin = [], 0, 0
    for i, (last, stop) in enumerate(
        zip((SLOT.itemsize * slot_end).tolist(), text_end, strict=True)
    ):
        part = heads[HEAD.itemsize * i : HEAD.itemsize * (i + 1)]
        rows.append(part + packed[slot:last] + texts[begin:stop])
        slot, begin = last, stop
    return rows


def decode(
    values: Sequence[bytes],
) -> tuple[NDArray[np.void], NDArray[np.void], NDArray[np.void], U8]:
    """Heads, slots and texts of rows, and the data that the texts stand in. Raises RowError."""
    data = np.frombuffer(b"".join(values), np.uint8)
    size = np.array([len(v) for v in values], np.int64)
    if len(size) and size.min() < HEAD.itemsize:
        raise RowError(f"a row of interests has {size.min()} bytes; its head has {HEAD.itemsize}")
    start = np.cumsum(size) - size
    head = _at(data, start, HEAD)
    if (head["version"] != VERSION).any():
        raise RowError(f"a row of interests is not of version {VERSION}")
    count = head["count"].sum(axis=1, dtype=np.int64)
    texts_at = start + HEAD.itemsize + SLOT.itemsize * count
    if (texts_at > start + size).any():
        raise RowError("a row of interests is cut short")
    row = np.repeat(np.arange(len(values)), count)
    first = np.cumsum(count) - count
    slots = _at(
        data, start[row] + HEAD.itemsize + SLOT.itemsize * (np.arange(len(row)) - first[row]), SLOT
    )
    length = slots["id_size"].astype(np.int64) + slots["name_size"]
    before = np.append(0, np.cumsum(length))
    begin = before[first]
    if (texts_at + before[first + count] - begin != start + size).any():
        raise RowError("a row of interests has another size than its fields say")
    text = np.empty(len(row), TEXT)
    text["id_at"] = texts_at[row] + before[:-1] - begin[row]
    text["name_at"] = text["id_at"] + slots["id_size"]
    text["id_size"], text["name_size"] = slots["id_size"], slots["name_size"]
    return head, slots, text, data


def _at(data: U8, start: I64, dtype: np.dtype[np.void]) -> NDArray[np.void]:
    """Structures of `dtype` that begin at `start`."""
    if not len(start):
        return np.empty(0, dtype)
    found: NDArray[np.void] = data[start[:, None] + np.arange(dtype.itemsize)].view(dtype)[:, 0]
    return found
