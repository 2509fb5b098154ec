"""Who came into an audience, who stays, who left, and since when.

inside before   rule now   status     qualified
no              no         out        stays
no              yes        realized   now
yes             yes        existing   stays
yes             no         exited     stays
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from afflux.audiences.program import Answer
from afflux.columns import I64, U8, Bool


class Status(IntEnum):
    """What one evaluation did to one membership."""

    out = 0
    realized = 1
    existing = 2
    exited = 3


@dataclass(frozen=True, slots=True)
class Memberships:
    """Of n people in a audiences."""

    inside: Bool
    """(n, a)."""
    qualified: I64
    """(n, a) lastQualificationTime: event time of the last entry, ms; 0 before the first. It
    stays when a person leaves."""

    @staticmethod
    def none(n: int, audiences: int) -> Memberships:
        """Of people who were never in any."""
        return Memberships(np.zeros((n, audiences), np.bool_), np.zeros((n, audiences), np.int64))


@dataclass(frozen=True, slots=True)
class Change:
    """What an evaluation gives."""

    memberships: Memberships
    status: U8
    """(n, a) `Status`."""
    changed: Bool
    """(n,) people with an entry or an exit: whom to announce."""
    deadline: I64
    """(n,) when to ask again if no event comes before, ms; 0 never."""


def change(before: Memberships, answer: Answer, now: I64) -> Change:
    """The memberships at `now` (n,).

    >>> was = Memberships(np.array([[False], [True]]), np.array([[0], [5]]))
    >>> answer = Answer(*(np.array(c) for c in ([[True], [False]], [[False]] * 2, [[90], [0]])))
    >>> new = change(was, answer, np.array([7, 8]))
    >>> [Status(s).name for s in new.status[:, 0]], new.memberships.qualified[:, 0].tolist()
    (['realized', 'exited'], [7, 5])
    >>> new.deadline.tolist()
    [90, 0]
    """
    was, inside = before.inside, answer.inside
    status = np.where(
        inside,
        np.where(was, Status.existing, Status.realized),
        np.where(was, Status.exited, Status.out),
    )
    entered = inside & ~was
    qualified = np.where(entered, now[:, None], before.qualified)
    return Change(
        Memberships(inside, qualified),
        status.astype(np.uint8),
        np.any(was ^ inside, axis=1),
        earliest(answer.deadline),
    )


def earliest(deadline: I64) -> I64:
    """(n,) the first of (n, a) deadlines, where 0 is none.

    >>> earliest(np.array([[0, 7, 5], [0, 0, 0]])).tolist()
    [5, 0]
    """
    last = np.iinfo(np.int64).max
    first = np.where(deadline > 0, deadline, last).min(axis=1, initial=last)
    return np.where(first < last, first, 0)
