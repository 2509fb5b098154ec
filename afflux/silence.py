"""Silence is information: when the scores of people without events are made anew.

A silence (event time since the last event) is parted into octaves by the ages `first`, 2 first,
4 first, ... up to `last`. In each octave the scores are made anew once: when an example
of the person closes in it, for then the row is read anyway, else when the octave begins. So the
scores of a silent person are at most half as old as the silence, a spell of a year costs a handful
of refreshes, and nobody is read who would have been left alone a moment later.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from afflux.columns import I64
from afflux.limits import Silence
from afflux.outcomes import NEVER

_BEYOND = 2**60
"""An age that nobody reaches; twice of it still fits."""


def next_visit(silence: Silence, closing: I64, last_ts: I64, w: I64) -> I64:
    """When each row is to be looked at next: not before `w` but for overdue examples, or NEVER.

    closing: earliest deadline of the open examples of the row, NEVER where there is none.
    last_ts: of its last event, 0 before the first. A pure function of the row and W that does not
    change while W comes nearer, so it may be asked for at any W up to its own value.

    >>> days = lambda n: np.array([n]) * 86_400_000
    >>> visit = lambda closing, w: next_visit(Silence(), days(closing), days(100), days(w))
    >>> visit(107, 100).item() // days(1).item()  # it comes before a second octave begins
    107
    >>> [(visit(110, w) // days(1)).item() for w in (100, 105)]
    [104, 110]
    """
    ages = _ages(silence)
    age = ages[ages[:-1].searchsorted(w - last_ts)]
    begins = np.where((age < _BEYOND) & (last_ts != 0), last_ts + age, NEVER)
    return np.where(closing < last_ts + 2 * age, closing, begins)


def octave(silence: Silence, age: I64) -> I64:
    """Number of the octave that each age lies in, 0 before the first.

    >>> octave(Silence(), np.array([3, 4, 7, 8]) * 86_400_000).tolist()
    [0, 1, 1, 2]
    """
    return _ages(silence).searchsorted(age, "right")


def latest(silence: Silence, last_ts: I64, before: I64) -> I64:
    """When the last octave before `before` began, else `last_ts`."""
    ages = _ages(silence)
    begun = ages.searchsorted(before - last_ts)
    return np.where(begun > 0, last_ts + ages[begun - 1], last_ts)


@cache
def _ages(silence: Silence) -> I64:
    """At which octaves begin, ascending, and one at the end that nobody reaches."""
    ages, age = [], silence.first_ms
    while 0 < age <= silence.last_ms:
        ages.append(age)
        age *= 2
    found = np.array([*ages, _BEYOND], np.int64)
    found.flags.writeable = False
    return found
