"""The stored form of an event in a timeline: a head, then what the head says that there is.

    head   offset, event time, code of the type, sizes of type and id, whether money follows, things
    money  amount and quantity, where either is not 0
    id     UTF-8 of `_id`
    type   UTF-8 of `eventType`, where `TYPES` does not have it
    thing  subject, size, UTF-8 of its id; products before pages, at most `THINGS` of them

So a page view of a shop takes some 60 bytes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from afflux.columns import I64, U8, EventColumns
from afflux.mentions import MOST_BYTES, Mentions, Subject
from afflux.rows import RowError
from afflux.segments import filled, rank, some, starts

THINGS = 3
"""Products and pages that are kept of an event."""

MOST_TYPE_BYTES = 255
"""Of a type that `TYPES` does not have; of a longer one the first whole characters are kept."""

TYPES = (
    "web.webpagedetails.pageViews",
    "web.webinteraction.linkClicks",
    "commerce.productViews",
    "commerce.productListViews",
    "commerce.productListAdds",
    "commerce.checkouts",
    "commerce.purchases",
    "advertising.impressions",
    "directMarketing.emailSent",
    "decisioning.propositionDisplay",
    "commerce.couponRedemptions",
    "decisioning.propositionInteract",
)
"""Frequent types, stored as their place here, counted from 1. New ones are added at the end."""

HEAD = np.dtype(
    [
        ("offset", "<i8"),
        ("ts", "<i8"),
        ("type", "u1"),
        ("type_size", "u1"),
        ("id_size", "<u2"),
        ("money", "u1"),
        ("things", "u1"),
    ]
)
"""The store reads the first two fields: what is newer than what it has, and what is too old."""

_HEAD = struct.Struct("<qqBBHBB")
_MONEY = struct.Struct("<dd")
_CODES = {name: code for code, name in enumerate(TYPES, 1)}
_KEPT = (Subject.PRODUCT, Subject.PAGE)


@dataclass(frozen=True, slots=True)
class Entry:
    """An event as it is kept."""

    offset: int
    """In the partition of its identity."""
    timestamp: int
    """Event time, ms."""
    event_id: str
    event_type: str | None
    amount: float
    """Money of the event; 0 if none."""
    quantity: float
    """Items bought, viewed or added; 0 if none."""
    about: tuple[tuple[Subject, str], ...]
    """Products (SKU, else the name) and pages, at most `THINGS`."""


class Bodies(NamedTuple):
    """Events in their stored form, in two pieces: heads, and what follows each."""

    heads: NDArray[np.void]
    """dtype `HEAD`."""
    tails: list[bytes]
    sizes: I64
    """Bytes of each event, its head included."""


def bodies(events: EventColumns, index: I64) -> Bodies:
    """The stored form of the events at `index`."""
    at, n = index.tolist(), len(index)
    names = events.event_ids
    ids = [names[i].encode() for i in at]
    head, money = np.zeros(n, HEAD), np.empty((n, 2), "<f8")
    head["offset"], head["ts"] = events.offset[index], events.timestamp[index]
    head["id_size"] = list(map(len, ids))
    texts = _types(events, index, head)
    money[:, 0], money[:, 1] = events.amount[index], events.quantity[index]
    head["money"] = valued = (money != 0).any(axis=1)
    count, things, end = _things(events.mentions, index, len(events))
    head["things"] = count
    paid, ends = money.tobytes(), end.tolist()
    tails = [
        (paid[16 * i : 16 * i + 16] if has else b"")
        + ids[i]
        + texts[i]
        + things[ends[i] : ends[i + 1]]
        for i, has in enumerate(valued.tolist())
    ]
    size = head["id_size"] + head["type_size"] + 16 * valued.astype(np.int64) + np.diff(end)
    return Bodies(head, tails, size + HEAD.itemsize)


def encode(events: EventColumns, index: I64) -> list[bytes]:
    """The same, each event in one piece."""
    head, tails, _ = bodies(events, index)
    data, size = head.tobytes(), HEAD.itemsize
    return [data[i * size : (i + 1) * size] + tail for i, tail in enumerate(tails)]


def decode(entry: bytes) -> Entry:
    """The event of a stored entry. Raises RowError where it is damaged.

    >>> decode(b"short")
    Traceback (most recent call last):
    afflux.rows.RowError: an event of a timeline has 5 bytes; its head has 22
    """
    if len(entry) < _HEAD.size:
        raise RowError(f"an event of a timeline has {len(entry)} bytes; its head has {_HEAD.size}")
    offset, ts, code, type_size, id_size, paid, things = _HEAD.unpack_from(entry)
    try:
        at, amount, quantity = _HEAD.size, 0.0, 0.0
        if paid:
            amount, quantity = _MONEY.unpack_from(entry, at)
            at += _MONEY.size
        event_id, at = _text(entry, at, id_size)
        event_type, at = _text(entry, at, type_size)
        about = []
        for _ in range(things):
            subject, size = entry[at], entry[at + 1]
            thing, at = _text(entry, at + 2, size)
            about.append((Subject(subject), thing))
        known = TYPES[code - 1] if code else event_type or None
    except (IndexError, ValueError, struct.error):
        raise RowError("an event of a timeline is cut short, or of a newer form") from None
    if at != len(entry):
        raise RowError(f"an event of a timeline has {len(entry)} bytes, its head says {at}")
    return Entry(offset, ts, event_id, known, amount, quantity, tuple(about))


def _text(entry: bytes, at: int, size: int) -> tuple[str, int]:
    """And where the next part begins."""
    return entry[at : at + size].decode("utf-8", "replace"), at + size


def _types(events: EventColumns, index: I64, head: NDArray[np.void]) -> list[bytes]:
    """Types that have no number, by event; numbers and sizes go into the heads."""
    if events.type_of is None:
        return [b""] * len(index)
    of, names = events.type_of[index], events.type_names
    codes = [_CODES.get(name, 0) for name in names]
    texts = [b"" if code else _cut(name) for code, name in zip(codes, names, strict=True)]
    head["type"] = np.array([*codes, 0], np.uint8)[of]
    if not any(texts):
        return [b""] * len(index)
    head["type_size"] = np.array([*map(len, texts), 0], np.uint8)[of]
    return [texts[i] if i >= 0 else b"" for i in of.tolist()]


def _cut(name: str) -> bytes:
    """Whole characters that fit.

    >>> len(_cut("ü" * 200))
    254
    """
    return name.encode()[:MOST_TYPE_BYTES].decode("utf-8", "ignore").encode()


def _things(mentions: Mentions, index: I64, events: int) -> tuple[U8, bytes, I64]:
    """How many things of each event are kept, their stored form, and where each event's begins."""
    none: U8 = np.zeros(len(index), np.uint8)
    table = mentions.table
    if not len(table):
        return none, b"", filled(len(index) + 1, 0)
    place = np.full(events, -1, np.int64)
    place[index] = np.arange(len(index))
    event, subject = place[table["event"]], table["subject"]
    kept = ((event >= 0) & ((subject == _KEPT[0]) | (subject == _KEPT[1]))).nonzero()[0]
    kept = kept[np.lexsort((subject[kept], event[kept]))]  # stable: as the event has them
    few = rank(starts(event[kept])) < THINGS
    if not some(few):
        return none, b"", filled(len(index) + 1, 0)
    kept = kept[few]
    event, text = event[kept], table["text"][kept]
    size = text["id_size"].astype(np.int64)
    end = np.cumsum(size + 2)
    first = end - size - 2
    data = np.empty(int(end[-1]), np.uint8)
    data[first], data[first + 1] = subject[kept], size
    within = np.arange(int(size.sum())) - np.repeat(np.cumsum(size) - size, size)
    source = np.repeat(text["id_at"], size) + within
    data[np.repeat(first + 2, size) + within] = mentions.data[source]
    count = np.bincount(event, minlength=len(index))
    ends: I64 = np.concatenate(([0], end))[np.concatenate(([0], np.cumsum(count)))]
    return count.astype(np.uint8), data.tobytes(), ends


assert MOST_BYTES < 256, "the size of a thing's id is one byte"
