"""Per-row order inside a batch: rank, last of each row, running maximum."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from afflux.columns import I64, Bool

Index = NDArray[np.int64]

_TIME_BITS = 44
"""Event times are below 2^44 ms (the year 2527): a row number fits above them."""


def by_row(row: Index) -> tuple[Index, Bool]:
    """Positions sorted by row, stable; and which of them start a row.

    >>> order, start = by_row(np.array([5, 3, 5]))
    >>> order.tolist(), start.tolist()
    ([1, 0, 2], [True, True, False])
    """
    order = np.argsort(row, kind="stable")
    ordered = row[order]
    start = np.empty(len(row), np.bool_)
    start[:1] = True
    np.not_equal(ordered[1:], ordered[:-1], out=start[1:])
    return order, start


def rank(start: Bool) -> Index:
    """Rank of each sorted position within its row.

    >>> rank(np.array([True, False, True])).tolist()
    [0, 1, 0]
    """
    at = np.arange(len(start))
    return at - np.maximum.accumulate(np.where(start, at, 0))


def ends(start: Bool) -> Bool:
    """Which sorted positions are the last of their row."""
    end = np.ones(len(start), np.bool_)
    end[:-1] = start[1:]
    return end


def largest_before(time: I64, initial: I64, start: Bool) -> I64:
    """For each sorted position the largest of `initial` of its row and the times before it.

    >>> largest_before(np.array([5, 9, 7]), np.array([6, 6, 0]), np.array([True, False, True]))
    array([6, 6, 0])
    """
    if start.all():
        return initial
    high = np.cumsum(start) << _TIME_BITS
    top = np.maximum.accumulate(high + np.maximum(time, initial)) - high
    before = initial.copy()
    before[1:] = np.where(start[1:], before[1:], top[:-1])
    return before


def running_sum(x: I64, start: Bool) -> I64:
    """For each sorted position the sum of its row up to and including it.

    >>> running_sum(np.array([1, 1, 1]), np.array([True, False, True])).tolist()
    [1, 2, 1]
    """
    total = np.cumsum(x)
    if start.all():
        return x
    first = np.maximum.accumulate(np.where(start, np.arange(len(x)), 0))
    return total - (total - x)[first]
