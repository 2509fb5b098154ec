"""Item rows as baskets: the rows of one person, time and transaction, in order of time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import xxhash
from numpy.typing import NDArray

from afflux.baskets.basket import Baskets
from afflux.columns import I64
from models.next_basket import Column

ITEM = np.dtype(
    [("ts", "<i8"), ("id", "<u8"), ("who", "<i4"), ("category", "<u8"), ("product", "<u8")]
)
"""One line of a purchase. ts: ms. id: hash of the transaction, or 0 where none is named. who: index
into the identities. category, product: hashes of the item, 0 where there is none."""

ItemRows = NDArray[np.void]
"""(n,) of dtype `ITEM`."""

MOST = 256
"""Baskets that are scored and learned at a time, at most: all by what was known before them."""


def key_of(name: bytes) -> int:
    """The key of an item by its name in UTF-8; 0, which is no item, of an empty name.

    >>> key_of(b""), key_of(b"MILK") == key_of(b"milk")
    (0, False)
    """
    return (xxhash.xxh3_64_intdigest(name) or 1) if name else 0


@dataclass(frozen=True, slots=True)
class Bought:
    """Some baskets and whose they are."""

    who: I64
    ts: I64
    baskets: Baskets


def bought(blocks: Iterable[ItemRows], column: Column) -> Iterator[Bought]:
    """Baskets of one column of items, at most `MOST` at a time, nobody twice at a time.

    Blocks are in order of time; baskets without an item of the column are left out.
    """
    waiting = np.empty(0, ITEM)
    for block in blocks:
        rows = np.concatenate([waiting, block])
        if not len(rows):
            continue
        end = int(np.searchsorted(rows["ts"], rows["ts"][-1]))  # the last moment may go on
        waiting = rows[end:]
        yield from _cut(rows[:end], column)
    yield from _cut(waiting, column)


def _cut(rows: ItemRows, column: Column) -> Iterator[Bought]:
    rows = rows[rows[column] > 0]
    rows = rows[np.lexsort((rows[column], rows["id"], rows["who"], rows["ts"]))]
    begins = _changes(rows, ("ts", "who", "id"))
    first = begins | _changes(rows, (column,))
    rows, begins = rows[first], begins[first]
    starts = np.append(np.flatnonzero(begins), len(rows)).astype(np.int64)
    at = 0
    while at < len(starts) - 1:
        who = rows["who"][starts[at : min(at + MOST, len(starts) - 1)]]
        end = at + _before_a_repeat(who)
        ends = starts[at : end + 1]
        of = rows[ends[0] : ends[-1]]
        ts = rows["ts"][ends[:-1]].astype(np.int64)
        baskets = Baskets(ts // 1000, ends - ends[0], of[column].astype(np.uint64))
        yield Bought(who[: end - at].astype(np.int64), ts, baskets)
        at = end


def _changes(rows: ItemRows, names: tuple[str, ...]) -> NDArray[np.bool_]:
    """Which rows differ from the one before in one of these fields."""
    found = np.ones(len(rows), np.bool_)
    found[1:] = False
    for name in names:
        found[1:] |= rows[name][1:] != rows[name][:-1]
    return found


def _before_a_repeat(who: NDArray[np.int32]) -> int:
    """How many people come before one who has been there."""
    _, first = np.unique(who, return_index=True)
    again = np.ones(len(who), np.bool_)
    again[first] = False
    repeats = np.flatnonzero(again)
    return int(repeats[0]) if len(repeats) else len(who)
