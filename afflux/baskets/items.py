"""What is known of items over all people: how popular, how lately, how often bought again.

A table of bounded size. When it has 8,192 items, the 4,096 that weigh most stay. Weights halve in
90 days, those of the trend in 7.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from afflux.baskets.basket import Baskets
from afflux.baskets.person import HALF_LIFE, PersonRows
from afflux.columns import F64, I64, U64

MOST = 8192
KEPT = 4096
TREND_HALF_LIFE = 7 * 86_400
POPULAR, RECENT, SIZED, OFFERED, AGAIN = range(5)
"""Rows of the weights: baskets with the item, lately, by 1 / size; baskets of people who had bought
it before, those of them with it."""

_LIVES = np.array([HALF_LIFE, TREND_HALF_LIFE, HALF_LIFE, HALF_LIFE, HALF_LIFE], np.float64)


@dataclass(frozen=True, slots=True)
class Items:
    """The table.

    keys: (m,), ascending. weights: (5, m), of the moment `seconds`. totals: (5,) over all baskets,
    those of forgotten items included; for the first three the number of baskets.
    """

    keys: U64
    weights: F64
    totals: F64
    seconds: int

    @classmethod
    def none(cls) -> Items:
        """Before the first basket."""
        return cls(np.empty(0, np.uint64), np.zeros((5, 0)), np.zeros(5), 0)

    def places(self, keys: U64) -> NDArray[np.intp]:
        """Where each key is; len(self.keys) for one that is not there."""
        at = np.searchsorted(self.keys, keys)
        if not len(self.keys):
            return at
        at[self.keys[np.minimum(at, len(self.keys) - 1)] != keys] = len(self.keys)
        return at

    def most_popular(self, count: int) -> U64:
        """At most so many keys, the heaviest first; of equal ones the smaller key first."""
        weights = self.weights[POPULAR]
        if len(weights) > count:
            least = np.partition(weights, len(weights) - count)[len(weights) - count]
            some = np.flatnonzero(weights >= least)
        else:
            some = np.arange(len(weights))
        return self.keys[some[np.argsort(-weights[some], kind="stable")][:count]]


def counted(items: Items, rows: PersonRows, baskets: Baskets) -> Items:
    """The table after these baskets; `rows` are those of their people before them."""
    until = max(items.seconds, int(baskets.seconds.max()))
    known = items.keys if np.isin(baskets.keys, items.keys).all() else np.union1d(
        items.keys, baskets.keys
    )  # fmt: skip
    weights = np.zeros((5, len(known)))
    left = np.exp2((items.seconds - until) / _LIVES)
    weights[:, np.searchsorted(known, items.keys)] = items.weights * left[:, None]
    found = Items(known, weights, items.totals * left, until)
    _count_bought(found, baskets)
    _count_again(found, rows, baskets)
    return _bounded(found)


def _ages(seconds: I64, until: int) -> F64:
    """(5, n): what is left of a weight of 1 of each basket."""
    left: F64 = np.exp2((seconds - until) / _LIVES[:, None])
    return left


def _count_bought(items: Items, baskets: Baskets) -> None:
    left, owner = _ages(baskets.seconds, items.seconds), baskets.owner
    place = np.searchsorted(items.keys, baskets.keys)
    size = baskets.sizes[owner]
    for row, part in ((POPULAR, 1.0), (RECENT, 1.0), (SIZED, 1.0 / size)):
        add = left[row][owner] * part
        items.weights[row] += np.bincount(place, add, minlength=len(items.keys))
        items.totals[row] += left[row].sum()


def _count_again(items: Items, rows: PersonRows, baskets: Baskets) -> None:
    place = items.places(rows["key"].ravel()).reshape(rows["key"].shape)
    there = (place < len(items.keys)) & (rows["key"] > 0)
    left = np.broadcast_to(_ages(baskets.seconds, items.seconds)[OFFERED][:, None], there.shape)
    for row, which in ((OFFERED, there), (AGAIN, there & baskets.among(rows["key"]))):
        more = np.bincount(place[which], left[which], minlength=len(items.keys))
        items.weights[row] += more
        items.totals[row] += more.sum()


def _bounded(items: Items) -> Items:
    if len(items.keys) <= MOST:
        return items
    keep = np.sort(np.argsort(-items.weights[POPULAR], kind="stable")[:KEPT])
    return replace(items, keys=items.keys[keep], weights=items.weights[:, keep])
