"""Numbers: comparisons, and arithmetic with CEL's errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from afflux.audiences.values import Value, either, sooner
from afflux.columns import F64, I64, Bool
from afflux.segments import every, some

_MIN = np.iinfo(np.int64).min
_TOO_LARGE = 2.0**63
"""No int; cel-cpp takes neither this nor its negative."""

Relation = Callable[[Any, Any], Any]
Operation = Callable[[Sequence[Value]], Value]


def comparison(relation: Relation) -> Operation:
    """A relation of bools or numbers; an int beside a double is the nearest double (as in C++)."""

    def compared(parts: Sequence[Value]) -> Value:
        a, b = parts
        return truth(a, b, relation(a.data, b.data))

    return compared


def truth(a: Value, b: Value, data: Bool) -> Value:
    """A bool of two parts."""
    error = either(a.error, b.error)
    if error is not None:
        data = data & ~error
    return Value(data, error, holds=sooner(a.holds, b.holds))


def within(parts: Sequence[Value]) -> Value:
    """`a in [b, c]`."""
    a, *items = parts
    data = np.zeros(1, np.bool_)
    for item in items:
        data = data | np.equal(a.data, item.data)
    return truth(a, Value(data), data)


def doubles(ufunc: Relation) -> Operation:
    """Arithmetic of doubles has infinities and NaN, and no errors."""

    def computed(parts: Sequence[Value]) -> Value:
        a, b = parts
        return Value(
            ufunc(a.data, b.data), either(a.error, b.error), holds=sooner(a.holds, b.holds)
        )

    return computed


def ints(compute: Callable[[I64, I64], tuple[I64, Bool]]) -> Operation:
    """Arithmetic of ints; `compute` says where the result is none."""

    def computed(parts: Sequence[Value]) -> Value:
        a, b = parts
        data, wrong = compute(a.data, b.data)
        error = either(a.error, b.error)
        if some(wrong):
            error = either(error, wrong)
        return Value(data, error, holds=sooner(a.holds, b.holds))

    return computed


def add(a: I64, b: I64) -> tuple[I64, Bool]:
    """And where it overflows."""
    c = a + b
    return c, ((a ^ c) & (b ^ c)) < 0


def subtract(a: I64, b: I64) -> tuple[I64, Bool]:
    """And where it overflows."""
    c = a - b
    return c, ((a ^ b) & (a ^ c)) < 0


def multiply(a: I64, b: I64) -> tuple[I64, Bool]:
    """And where it overflows."""
    a, b = np.broadcast_arrays(a, b)
    c = a * b
    minimal = (a == -1) & (b == _MIN)
    divisor = np.where((a == 0) | minimal, 1, a)
    return c, minimal | ((a != 0) & ~minimal & ((c // divisor != b) | ((c == _MIN) & (a == -1))))


def divide(a: I64, b: I64) -> tuple[I64, Bool]:
    """Towards zero; and where there is no quotient.

    >>> data, wrong = divide(np.array([-7, 7, 1]), np.array([2, -2, 0]))
    >>> data.tolist()[:2], wrong.tolist()
    ([-3, -3], [False, False, True])
    """
    wrong = _indivisible(a, b)
    divisor = np.where(wrong, 1, b)
    down = a // divisor
    return down + ((a - down * divisor != 0) & ((a < 0) != (divisor < 0))), wrong


def remainder(a: I64, b: I64) -> tuple[I64, Bool]:
    """With the sign of the dividend; and where there is none."""
    wrong = _indivisible(a, b)
    return np.fmod(a, np.where(wrong, 1, b)), wrong


def _indivisible(a: I64, b: I64) -> Bool:
    wrong: Bool = (b == 0) | ((a == _MIN) & (b == -1))
    return wrong


def negative_int(parts: Sequence[Value]) -> Value:
    """`-a`; the smallest int has no opposite."""
    (a,) = parts
    wrong = a.data == _MIN
    return Value(-a.data, either(a.error, wrong) if some(wrong) else a.error, holds=a.holds)


def negative_double(parts: Sequence[Value]) -> Value:
    """`-a`."""
    (a,) = parts
    return Value(-a.data, a.error, holds=a.holds)


def unchanged(parts: Sequence[Value]) -> Value:
    """A conversion to the type that it has."""
    return parts[0]


def to_double(parts: Sequence[Value]) -> Value:
    """The nearest double."""
    (a,) = parts
    return Value(a.data.astype(np.float64), a.error, holds=a.holds)


def to_int(parts: Sequence[Value]) -> Value:
    """Towards zero; an error beyond 64 bits and for NaN."""
    (a,) = parts
    inside: Bool = (a.data > -_TOO_LARGE) & (a.data < _TOO_LARGE)
    whole: F64 = np.where(inside, a.data, 0.0)
    error = a.error if every(inside) else either(a.error, ~inside)
    return Value(whole.astype(np.int64), error, holds=a.holds)
