"""Strings: what is asked of a string is asked once of each word of its column."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence

import numpy as np

from afflux.audiences.arithmetic import Operation, truth
from afflux.audiences.values import Value
from afflux.columns import Bool

Question = Callable[[str, str], bool]


def asked(question: Question) -> Operation:
    """A question about two strings, of which mostly one is a constant."""

    def answered(parts: Sequence[Value]) -> Value:
        a, b = parts
        return truth(a, b, _answers(question, a, b))

    return answered


def _answers(question: Question, a: Value, b: Value) -> Bool:
    if len(b.words) == 1:
        return _looked_up([question(w, b.words[0]) for w in a.words], a)
    if len(a.words) == 1:
        return _looked_up([question(a.words[0], w) for w in b.words], b)
    left, right = np.broadcast_arrays(a.data, b.data)
    pairs = zip(left.tolist(), right.tolist(), strict=True)
    return np.array([question(a.words[i], b.words[j]) for i, j in pairs], np.bool_)


def within(parts: Sequence[Value]) -> Value:
    """`a in ["b", "c"]`."""
    a, *items = parts
    wanted = {item.words[0] for item in items}
    found = _looked_up([word in wanted for word in a.words], a)
    return truth(a, Value(np.zeros(1, np.bool_)), found)


def _looked_up(of_word: Sequence[bool], a: Value) -> Bool:
    found: Bool = np.array(of_word, np.bool_)[a.data]
    return found


contains = asked(operator.contains)
starts_with = asked(str.startswith)
ends_with = asked(str.endswith)
