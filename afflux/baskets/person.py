"""What is kept of a person's baskets: a row of fixed size with the 64 items bought most.

Each slot has an item with two weights that halve in 90 days: one for every basket with the item,
and one of 1 / size of the basket, since what is bought in small baskets is what one came for. A
new item takes a free slot, or that of the least weight. The whole row is the person's: who is
deleted loses it, and nothing else of them is kept anywhere by name.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from afflux.baskets.basket import Baskets, Ints
from afflux.columns import I64, Bool

SLOTS = 64
HALF_LIFE = 90 * 86_400
"""Seconds."""

PERSON = np.dtype(
    [
        ("baskets", "<u4"),
        ("items", "<u4"),
        ("last", "<u4"),
        ("weight", "<f4"),
        ("key", "<u8", SLOTS),
        ("w", "<f4", SLOTS),
        ("s", "<f4", SLOTS),
        ("first_at", "<u4", SLOTS),
        ("last_at", "<u4", SLOTS),
        ("count", "<u4", SLOTS),
        ("basket", "<u4", SLOTS),
    ]
)
"""baskets, items: how many so far. last: seconds of the newest; weights are of that moment.
weight: of all baskets. Slots: key (0 is
free), w and s the two weights, first_at and last_at seconds, count of baskets with the item,
basket the number of baskets when it was last in one."""

PersonRows = NDArray[np.void]
"""(n,) of dtype `PERSON`; zeros are somebody who has bought nothing yet."""


def fade(rows: PersonRows, seconds: NDArray[np.int64]) -> NDArray[np.float32]:
    """What is left of the weights at that time; 1 for a time before the newest basket."""
    age = np.maximum(seconds - rows["last"].astype(np.int64), 0)
    return np.exp2(-age / HALF_LIFE).astype(np.float32)


def fold(rows: PersonRows, baskets: Baskets) -> PersonRows:
    """The rows after a basket each. One that is older than the newest counts as of the newest.

    Of a basket with more than 64 items the first ones that fit are kept.
    """
    made = rows.copy()
    now = np.maximum(rows["last"], baskets.seconds).astype(np.uint32)
    left = fade(rows, baskets.seconds)
    made["weight"] = made["weight"] * left + np.float32(1)
    for name in ("w", "s"):
        made[name] *= left[:, None]
    made["baskets"] += 1
    made["items"] += baskets.sizes.astype(np.uint32)
    made["last"] = now
    owner, slot, known = _places(made, baskets)
    kept = slot >= 0
    owner, slot, new = owner[kept], slot[kept], (kept & ~known)[kept]
    o, s = owner[new], slot[new]
    for name in ("w", "s", "count"):
        made[name][o, s] = 0
    made["key"][o, s] = baskets.keys[kept][new]
    made["first_at"][o, s] = now[o]
    made["w"][owner, slot] += np.float32(1)
    made["s"][owner, slot] += (1.0 / baskets.sizes[owner]).astype(np.float32)
    made["last_at"][owner, slot] = now[owner]
    made["count"][owner, slot] += 1
    made["basket"][owner, slot] = made["baskets"][owner]
    return made


def _places(rows: PersonRows, baskets: Baskets) -> tuple[Ints, Ints, Bool]:
    """Of each item its row, its slot (-1 for none), and whether the slot was its own before."""
    owner = baskets.owner
    same = rows["key"][owner] == baskets.keys[:, None]
    known: Bool = same.any(axis=1)
    slot = np.where(known, same.argmax(axis=1), -1)
    cost = np.where(rows["key"] == 0, np.float32(-1), rows["w"])
    cost[owner[known], slot[known]] = np.inf
    order = np.argsort(cost, axis=1, kind="stable")
    new = ~known
    before: I64 = np.cumsum(new) - new
    nth: I64 = before - before[baskets.ends[:-1]][owner]
    free = SLOTS - np.bincount(owner[known], minlength=len(baskets))
    fits = new & (nth < free[owner])
    slot[fits] = order[owner[fits], nth[fits]]
    return owner, slot, known
