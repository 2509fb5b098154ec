"""Times that move with `now`: a comparison knows when it comes out otherwise with no event."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from afflux.audiences.arithmetic import Operation, Relation, truth
from afflux.audiences.literals import EARLIEST_MS, LATEST_MS, LONGEST_MS
from afflux.audiences.values import Value, either, sooner
from afflux.columns import I64
from afflux.limits import DAY_MS
from afflux.outcomes import NEVER
from afflux.segments import some

_TURNS = {"<": (0,), ">=": (0,), ">": (1,), "<=": (1,), "==": (0, 1), "!=": (0, 1)}
"""What a - b has to reach: a < b is not (a - b >= 0), a > b is (a - b >= 1)."""

FARTHEST_MS = 36_500 * DAY_MS
"""What changes in a hundred years does not change."""

RANGE = {"timestamp": (EARLIEST_MS, LATEST_MS), "duration": (-LONGEST_MS, LONGEST_MS)}


def comparison(symbol: str, relation: Relation) -> Operation:
    """A relation of two timestamps, or of two durations."""

    def compared(parts: Sequence[Value]) -> Value:
        a, b = parts
        found = truth(a, b, relation(a.data, b.data))
        rate = _sum(a.rate, b.rate, -1)
        if rate is not None:
            apart = a.data - b.data
            for least in _TURNS[symbol]:
                turn = _turn(apart - least, rate)
                if found.error is not None:
                    turn = np.where(found.error, NEVER, turn)
                found.holds = sooner(found.holds, turn)
        return found

    return compared


def sum_of(sign: int, kind: str) -> Operation:
    """`a + b` or `a - b`; an error where the result is no timestamp or duration."""
    low, high = RANGE[kind]

    def computed(parts: Sequence[Value]) -> Value:
        a, b = parts
        data = a.data + sign * b.data
        wrong = (data < low) | (data > high)
        error = either(a.error, b.error)
        if some(wrong):
            error = either(error, wrong)
        rate, holds = _sum(a.rate, b.rate, sign), sooner(a.holds, b.holds)
        if rate is not None and not _far_inside(data, rate, low, high):
            holds = sooner(holds, np.minimum(_turn(data - low, rate), _turn(high - data, -rate)))
        return Value(data, error, rate=rate, holds=holds)

    return computed


def _far_inside(data: I64, rate: I64, low: int, high: int) -> bool:
    """Whether nothing leaves the range before FARTHEST_MS: nobody asks then."""
    if not data.size or np.abs(rate).max() > 1:
        return not data.size
    return bool(data.min() > low + FARTHEST_MS and data.max() < high - FARTHEST_MS)


def _sum(a: I64 | None, b: I64 | None, sign: int) -> I64 | None:
    if b is not None and sign < 0:
        b = -b
    if a is None or b is None:
        return b if a is None else a
    return a + b


def _turn(x: I64, rate: I64) -> I64:
    """In how many ms `x`, which moves at `rate`, is on the other side of 0; 0 is above.

    >>> _turn(np.array([-5, 4, 0, 9]), np.array([2, -2, -2, 1])).tolist() == [3, 3, 1, NEVER]
    True
    """
    speed = np.maximum(np.abs(rate), 1)
    up, down = (rate > 0) & (x < 0), (rate < 0) & (x >= 0)
    after = np.where(up, (speed - 1 - x) // speed, x // speed + 1)
    return np.where(up | down, after, NEVER)


def within(parts: Sequence[Value]) -> Value:
    """`a in [b, c]`."""
    a, *items = parts
    equal = comparison("==", np.equal)
    found = truth(a, Value(np.zeros(1, np.bool_)), np.zeros_like(a.data, np.bool_))
    for item in items:
        one = equal([a, item])
        found.data = found.data | one.data
        found.holds = sooner(found.holds, one.holds)
    return found
