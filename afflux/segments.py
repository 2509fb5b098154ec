"""Per-row order inside a batch: rank, last of each row, running maximum.

And what NumPy has too, but slower by a microsecond a call: a live batch holds few events, and
its cost is that of the calls.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from afflux.columns import I64, Bool

Index = NDArray[np.int64]

_TIME_BITS = 44
"""Event times are below 2^44 ms (the year 2527): a row number fits above them."""


def every(mask: Bool) -> bool:
    """As `mask.all()`."""
    return not mask.size or bool(mask.item(mask.argmin()))


def some(mask: Bool | NDArray[np.unsignedinteger[Any]]) -> bool:
    """As `mask.any()`."""
    return mask.size > 0 and bool(mask.item(mask.argmax()))


def filled(shape: int | tuple[int, ...], value: int) -> Index:
    """As `np.full`."""
    new = np.empty(shape, np.int64)
    new.fill(value)
    return new


def starts(row: Index) -> Bool:
    """Which of the sorted rows are the first of their kind."""
    start = np.ones(len(row), np.bool_)
    if len(row) > 1:
        np.not_equal(row[1:], row[:-1], out=start[1:])
    return start


def by_row(row: Index) -> tuple[Index, Bool]:
    """Positions sorted by row, stable; and which of them start a row.

    >>> order, start = by_row(np.array([5, 3, 5]))
    >>> order.tolist(), start.tolist()
    ([1, 0, 2], [True, True, False])
    """
    order = row.argsort(kind="stable")
    return order, starts(row[order])


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
    if every(start):
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
    if every(start):
        return x
    total = np.cumsum(x)
    first = np.maximum.accumulate(np.where(start, np.arange(len(x)), 0))
    return total - (total - x)[first]
