"""One look at people: what their memberships become, and when to look again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from afflux.audiences.membership import change, earliest
from afflux.audiences.program import Frame, Program
from afflux.audiences.standing import Layouts, Standing, layout_of
from afflux.columns import I64, Bool


@dataclass(frozen=True)
class Rules:
    """All live audiences, as one set: they may name each other."""

    version: int
    """Of the set; each change of a definition makes a new one."""
    program: Program
    layouts: Layouts
    """Audiences of every layout that stored memberships may have."""

    @property
    def names(self) -> Sequence[str]:
        """The audiences, in the order of their columns."""
        return self.program.names

    @property
    def layout(self) -> int:
        """Of the rows that are written now."""
        return layout_of(self.names)

    @property
    def reads_attributes(self) -> bool:
        """Whether any rule asks for one."""
        return any(column.path[0] == "attributes" for column in self.program.columns)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a look gives, of n people in a audiences."""

    after: Standing
    entered: Bool
    """(n, a)."""
    left: Bool
    """(n, a)."""
    changed: Bool
    """(n,) rows that are to be written."""
    announced: Bool
    """(n,) people with an entry or an exit."""


def judge(
    rules: Rules, frame: Frame, known: Bool, before: Standing, entry: I64, exited_ms: int = 0
) -> Verdict:
    """Look at people at `frame.now`.

    known: (n,) False for people of whom nothing is known any more: they are in no audience.
    entry: (n,) event time that an entry of this look has. exited_ms: so long after their last
    entry audiences are forgotten that somebody is not in any more; 0: never.
    """
    answer = rules.program.run(frame)
    answer.inside[~known] = False
    answer.deadline[~known] = 0
    found = change(before.memberships, answer, entry)
    new = found.memberships
    since = np.where(new.inside, np.maximum(new.qualified, 1), -new.qualified)
    since[~known] = 0
    was, inside = before.since > 0, new.inside
    ask = found.deadline
    if exited_ms:
        since, ask = _forgotten(since, ask, frame.now, exited_ms)
    if rules.program.timed or exited_ms:
        ask = np.where(known, _ask(before.ask, ask, frame.now), 0)
    after = Standing(since, ask)
    gone = np.zeros(len(known), np.bool_)
    gone[list(before.gone)] = True
    changed = (after.since != before.since).any(axis=1) | (after.ask != before.ask)
    changed[list(before.old)] = True
    return Verdict(after, inside & ~was, was & ~inside, changed, found.changed | gone)


def _forgotten(since: I64, ask: I64, now: I64, exited_ms: int) -> tuple[I64, I64]:
    """Without exits whose entry is long past, and when the next one of those that stay will be.

    >>> _forgotten(np.array([[-5, -90], [7, 0]]), np.array([150, 0]), np.array([100, 100]), 20)
    (array([[  0, -90],
           [  7,   0]]), array([111,   0]))
    """
    ends = np.where(since < 0, exited_ms - since + 1, 0)
    old = (since < 0) & (ends <= now[:, None])
    ends[old] = 0
    return np.where(old, 0, since), earliest(np.column_stack([ask, ends]))


def _ask(before: I64, wanted: I64, now: I64) -> I64:
    """A time that lies ahead and is early enough stays.

    Asking once too often is cheaper than writing with every event that moves a window.

    >>> _ask(*(np.array(t) for t in ([0, 50, 50, 50], [70, 70, 0, 40], [10, 10, 10, 60]))).tolist()
    [70, 50, 50, 40]
    """
    stays = (before > now) & ((wanted == 0) | (before <= wanted))
    return np.where(stays, before, wanted)
