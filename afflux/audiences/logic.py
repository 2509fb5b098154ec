"""And, or, not, either-or: CEL's logic, in which an error loses against what decides alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from afflux.audiences.values import Value, either, known, sooner
from afflux.columns import I64, Bool


def conjunction(parts: Sequence[Value]) -> Value:
    """`a && b`: false where one is false, whatever the other one is."""
    a, b = parts
    data = a.data & b.data
    if a.error is None and b.error is None and a.holds is None and b.holds is None:
        return Value(data)
    no_a, no_b = _false(a), _false(b)
    return Value(data, _unless(a, b, no_a | no_b), holds=_held(a, b, no_a, no_b))


def disjunction(parts: Sequence[Value]) -> Value:
    """`a || b`: true where one is true, whatever the other one is."""
    a, b = parts
    data = a.data | b.data
    return Value(data, _unless(a, b, data), holds=_held(a, b, a.data, b.data))


def negation(parts: Sequence[Value]) -> Value:
    """`!a`."""
    (a,) = parts
    return Value(_false(a), a.error, holds=a.holds)


def choice(parts: Sequence[Value]) -> Value:
    """`a ? b : c`: only the side that is taken counts."""
    a, b, c = parts
    no, yes = c.data, b.data
    if b.words:
        no = no + len(b.words)
    error = a.error
    if b.error is not None or c.error is not None:
        error = either(error, np.where(a.data, _or_none(b.error), _or_none(c.error)))
    data = np.where(a.data, yes, no)
    if error is not None and data.dtype == np.bool_:
        data = data & ~error
    rate = holds = None
    if b.rate is not None or c.rate is not None:
        rate = np.where(a.data, _rate(b), _rate(c))
    if b.holds is not None or c.holds is not None:
        holds = np.where(a.data, known(b.holds), known(c.holds))
    return Value(data, error, (*b.words, *c.words), rate, sooner(a.holds, holds))


def _false(a: Value) -> Bool:
    no: Bool = ~a.data
    return no if a.error is None else no & ~a.error


def _unless(a: Value, b: Value, decided: Bool) -> Bool | None:
    error = either(a.error, b.error)
    return None if error is None else error & ~decided


def _held(a: Value, b: Value, by_a: Bool, by_b: Bool) -> I64 | None:
    """How long a result holds that each side decides alone where `by_` is true."""
    if a.holds is None and b.holds is None:
        return None
    ua, ub = known(a.holds), known(b.holds)
    last, first = np.maximum(ua, ub), np.minimum(ua, ub)
    return np.where(by_a, np.where(by_b, last, ua), np.where(by_b, ub, first))


def _or_none(error: Bool | None) -> Bool:
    return _NOBODY if error is None else error


def _rate(a: Value) -> I64:
    return _STILL if a.rate is None else a.rate


_NOBODY = np.zeros(1, np.bool_)
_STILL = np.zeros(1, np.int64)
