"""What a part of a rule is for n people: an array, who has an error, how long it holds.

CEL's errors are values: a missing attribute or a division by zero is one, `false && error` is
false. Laws: the data of a bool is False where there is an error; every array has n entries, or
one entry that stands for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afflux.columns import I64, Bool
from afflux.outcomes import NEVER
from afflux.segments import some


@dataclass(slots=True)
class Value:
    """Data of one type; of strings the data are indices into `words`."""

    data: NDArray[Any]
    error: Bool | None = None
    """None: nobody has one."""
    words: Sequence[str] = ()
    """Unique or not, and at least one."""
    rate: I64 | None = None
    """Of times that move with `now`: milliseconds a millisecond. None: they do not move."""
    holds: I64 | None = None
    """In how many ms, with no event, data, error or rate may first be another. None: never."""


def strings(values: Sequence[object]) -> Value:
    """A column of strings; whatever is none is missing.

    >>> column = strings(["b", None, "b", "a"])
    >>> column.words, column.data.tolist(), column.error.tolist()
    (('b', 'a'), [0, 0, 0, 1], [False, True, False, False])
    """
    words = [v for v in dict.fromkeys(values) if isinstance(v, str)]
    place: dict[object, int] = {word: i for i, word in enumerate(words)}
    at = np.array([place.get(v, -1) for v in values], np.int64)
    none = at < 0
    if not some(none):
        return Value(at, words=tuple(words) or ("",))
    at[none] = 0
    return Value(at, none, tuple(words) or ("",))


def either(a: Bool | None, b: Bool | None) -> Bool | None:
    """Where one of two errors is."""
    if a is None or b is None:
        return b if a is None else a
    both: Bool = a | b
    return both


def sooner(a: I64 | None, b: I64 | None) -> I64 | None:
    """The shorter of two spans."""
    if a is None or b is None:
        return b if a is None else a
    return np.minimum(a, b)


def known(holds: I64 | None) -> I64:
    """With NEVER for None."""
    return _NEVER if holds is None else holds


_NEVER = np.array([NEVER])
