"""How much a mention weighs, how fast it fades, how many things are remembered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from afflux.columns import F64, EventColumns, Kind
from afflux.mentions import Subject

SUBJECTS = len(Subject)

_OF_ITEMS = {
    Kind.PAGE_VIEW: 1.0,
    Kind.PRODUCT_VIEW: 1.0,
    Kind.ADD_TO_CART: 2.0,
    Kind.CHECKOUT: 1.0,
    Kind.PURCHASE: 4.0,
}
_OF_CONTENT = {Kind.PAGE_VIEW: 1.0, Kind.PRODUCT_VIEW: 1.0}


def _points() -> F64:
    points = np.zeros((len(Kind), SUBJECTS))
    for kind, x in _OF_ITEMS.items():
        points[kind, [Subject.CATEGORY, Subject.PRODUCT]] = x
    for kind, x in _OF_CONTENT.items():
        points[kind, [Subject.PAGE, Subject.SECTION, Subject.TAG]] = x
    return points


POINTS: F64 = _points()
"""(kind of event, subject) -> weight of a mention. What somebody is shown or brings back, and what
the enumeration does not know, is no sign of interest: 0."""


@dataclass(frozen=True, slots=True)
class InterestRules:
    """By subject. Rows of other half-lives or with more slots are refused."""

    half_life_days: tuple[int, ...] = (90, 90, 30, 30, 30)
    slots: tuple[int, ...] = (64, 64, 16, 16, 16)

    def __post_init__(self) -> None:
        """Refuse what cannot hold."""
        if len(self.half_life_days) != SUBJECTS or len(self.slots) != SUBJECTS:
            raise ValueError(f"half-lives and slots are given for each of {SUBJECTS} subjects")
        if not all(1 <= days <= 10_000 for days in self.half_life_days):
            raise ValueError(f"half-lives are 1 to 10,000 days, not {self.half_life_days}")
        if not all(1 <= slots <= 255 for slots in self.slots):
            raise ValueError(f"a subject has 1 to 255 slots, not {self.slots}")


DEFAULT_RULES = InterestRules()


def interested(events: EventColumns) -> list[int]:
    """Index of the identities whose events have mentions that count, ascending."""
    table = events.mentions.table
    if not len(table):
        return []
    counts = POINTS[events.kind[table["event"]], table["subject"]] > 0
    found: list[int] = np.unique(events.identity[table["event"][counts]]).tolist()
    return found
