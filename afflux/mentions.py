"""What events are about: categories, products, pages, sections and tags that they mention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Subject(IntEnum):
    """What a thing is. The last three are the content of a site."""

    CATEGORY = 0
    PRODUCT = 1
    PAGE = 2
    SECTION = 3
    TAG = 4


MOST_BYTES = 64
"""Bytes that are kept of an id and of a name; the hash is that of the whole id."""

TEXT = np.dtype([("id_at", "<i8"), ("name_at", "<i8"), ("id_size", "u1"), ("name_size", "u1")])
"""Where id and name of a thing stand in some data, and how long they are; a name may be empty."""

MENTION = np.dtype([("event", "<i4"), ("subject", "u1"), ("hash", "<u8"), ("text", TEXT)])
"""event: its place in the batch. hash: xxh3-64 of the id, never 0."""

U8 = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Mentions:
    """Things that events mention, each thing at most once an event.

    Mentions of the same subject stand in the order of their events.
    """

    table: NDArray[np.void]
    """dtype `MENTION`."""
    data: U8
    """UTF-8 of ids and names."""

    def __len__(self) -> int:
        return len(self.table)

    def moved(self, place: NDArray[np.integer[Any]]) -> Mentions:
        """Event i is now at `place[i]`, and gone where that is negative.

        >>> NO_MENTIONS.moved(np.array([0, 1])) is NO_MENTIONS
        True
        """
        if not len(self.table):
            return NO_MENTIONS
        event = place[self.table["event"]]
        kept = event >= 0
        table = self.table[kept]
        table["event"] = event = event[kept]
        if (event[1:] < event[:-1]).any():
            table = table[event.argsort(kind="stable")]
        return Mentions(table, self.data) if len(table) else NO_MENTIONS

    def between(self, first: int, last: int) -> Mentions:
        """Those of events first to last - 1, which are counted from 0."""
        if not len(self.table):
            return NO_MENTIONS
        event = self.table["event"]
        table = self.table[(event >= first) & (event < last)]
        table["event"] -= first
        return Mentions(table, self.data) if len(table) else NO_MENTIONS


NO_MENTIONS = Mentions(np.empty(0, MENTION), np.empty(0, np.uint8))


def joined(parts: Sequence[Mentions], events: Sequence[int]) -> Mentions:
    """Mentions of consecutive parts of a batch; `events` is how many events each part has."""
    if not any(map(len, parts)):
        return NO_MENTIONS
    tables, at, first = [], 0, 0
    for part, n in zip(parts, events, strict=True):
        table = part.table.copy()
        table["event"] += first
        table["text"]["id_at"] += at
        table["text"]["name_at"] += at
        tables.append(table)
        at += len(part.data)
        first += n
    return Mentions(np.concatenate(tables), np.concatenate([part.data for part in parts]))
