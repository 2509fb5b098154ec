"""Rows of people for ranking, made of their interests: what they hold, with decayed weights.

A live person has no row of `person.py`: what they bought, put into the cart and looked at is in
their interests (`afflux/interests/`), with weights that halve in the same 90 days. That is a
person's row without the times and numbers of single items, which read as constants; the ranking is
learned from such rows, and served from such rows.
"""

from __future__ import annotations

import numpy as np

from afflux.baskets.items import POPULAR, Items
from afflux.baskets.person import PERSON, PersonRows
from afflux.columns import F64, I64, U64

PURCHASE_POINTS = 4.0
"""Of a purchase among interests: a weight of so much is one basket with the item."""

_USUAL_SIZE = 8.0
"""Items of a basket, before one is known."""


def rows_of(keys: U64, weights: F64, seconds: I64, items: Items) -> PersonRows:
    """Rows of n people at those times. keys, weights: (n, at most 64), key 0 where there is none.

    weights: decayed points of the interests at that time. items: the table by which they are
    ranked; it knows how many items a basket has.

    >>> keys, points = np.array([[7, 0]], np.uint64), np.array([[8.0, 0.0]])
    >>> rows = rows_of(keys, points, np.array([9]), Items.none())
    >>> rows["w"][0, 0], rows["weight"][0]
    (np.float32(2.0), np.float32(0.25))
    """
    n, k = keys.shape
    rows = np.zeros(n, PERSON)
    bought = np.where(keys > 0, weights, 0.0) / PURCHASE_POINTS
    size = _size(items)
    rows["key"][:, :k], rows["w"][:, :k], rows["s"][:, :k] = keys, bought, bought / size
    rows["weight"] = bought.sum(axis=1) / size
    rows["last"] = seconds
    rows["first_at"][:, :k] = rows["last_at"][:, :k] = seconds[:, None]
    rows["count"][:, :k] = keys > 0
    return rows


def strongest(keys: U64, weights: F64, count: int) -> U64:
    """(n, count) what each holds most of, 0 where there is less; of equal ones the first."""
    order = np.argsort(-np.where(keys > 0, weights, -np.inf), axis=1, kind="stable")[:, :count]
    found = np.zeros((len(keys), count), np.uint64)
    found[:, : order.shape[1]] = np.take_along_axis(keys, order, axis=1)
    return found


def filled(lists: U64, popular: U64) -> U64:
    """The lists, with the most popular keys that are not in them where they have 0.

    >>> filled(np.array([[5, 0, 0]], np.uint64), np.array([5, 6, 7], np.uint64)).tolist()
    [[5, 6, 7]]
    """
    n, count = lists.shape
    other = np.where((lists[:, :, None] == popular).any(axis=1), 0, popular)
    both = np.concatenate([lists, np.broadcast_to(other, (n, len(popular)))], axis=1)
    order = np.argsort(both == 0, axis=1, kind="stable")[:, :count]
    return np.take_along_axis(both, order, axis=1)


def _size(items: Items) -> float:
    """Items of a basket on average, those of the recommender's column."""
    baskets = float(items.totals[POPULAR])
    return (float(items.weights[POPULAR].sum()) + _USUAL_SIZE) / (baskets + 1.0)
