"""What a model predicts: will or will not happen, or an amount, within a window.

An *opening* is an event from which on outcomes are awaited. All models share the openings of a
fragment; each model's example closes at its own deadline, open_ts + window + lateness.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from afflux.columns import F64, I64, Bool, Kind
from afflux.event_types import FIRST, EventTypes, What, say
from afflux.features.channels import COUNTED
from afflux.limits import DAY_MS, HOUR_MS
from afflux.names import ModelName
from afflux.scoring import Link

Form = Literal["will", "will_all", "will_not", "amount", "count"]

ACTIVITY = tuple(kind for kind in Kind if kind != Kind.EXPOSURE)
"""What people do themselves."""


@dataclass(frozen=True, slots=True)
class Openings:
    """Which events of a fragment open examples.

    The default is what an installation serves. Evaluation may open at every event: it has room.
    """

    slots: int = 5
    """Openings that can be open at the same time."""
    gap_ms: int = 7 * DAY_MS
    """Event time between two openings, at least 1: deadlines name examples."""
    kinds: tuple[What, ...] = ()
    """Kinds or types of events that open; none named is all."""


@dataclass(frozen=True, slots=True)
class Eligible:
    """Who did something: so many events of a channel (`features/channels.py`), or of a type.

    >>> Eligible("acme.demoBooked", 1.0, within_ms=30 * DAY_MS).describe()
    'at least 1 acme.demoBooked, the last within 30 days'
    """

    channel: str = "purchases"
    at_least: float = 1.0
    within_ms: int = field(default=0, repr=False)
    """How long ago the last of them may be, 0 any time."""

    def describe(self) -> str:
        """In words."""
        words = f"at least {self.at_least:g} {self.channel}"
        days = f", the last within {self.within_ms / DAY_MS:g} days" if self.within_ms else ""
        return words + days


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happens, counted over events with open_ts < timestamp <= open_ts + window.

    form "will": label 1 when any event of `kinds` came, "will_all": label 1 when one of each of
    them came, "will_not": label 1 when none came, "amount": label is the sum of the amounts of
    those events, "count": their number.

    >>> Outcome("will_not", (Kind.PURCHASE,), 14 * DAY_MS).describe()
    'no purchase within 14 days'
    """

    form: Form
    kinds: tuple[What, ...]
    """Kinds of events, or event types (`eventType`) as they are on the wire."""
    window_ms: int
    lateness_ms: int = HOUR_MS
    """How long after the window an event may still come in late and count."""

    @property
    def deadline_ms(self) -> int:
        """From the opening to the closing."""
        return self.window_ms + self.lateness_ms

    def describe(self) -> str:
        """The outcome in words."""
        join = " and " if self.form == "will_all" else " or "
        what = join.join(map(say, self.kinds))
        days = f"{self.window_ms / DAY_MS:g} days"
        if self.form == "count":
            what = "" if self.kinds == ACTIVITY else f"{what} "
            return f"number of {what}events in the next {days}"
        if self.form == "amount":
            return f"amount of {what} events in the next {days}"
        return f"{_WORDS[self.form]} {what} within {days}"


_WORDS = {"will": "any", "will_all": "all of", "will_not": "no"}


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model as the core sees it. The order in the catalog is the order on disk."""

    name: ModelName
    outcome: Outcome
    eligible: Eligible = Eligible()
    early: bool = field(default=False, repr=False)
    """Learned at the opening and when it happens, not at the window's end
    (`models/fake_negatives.py`). Of the forms "will" and "will_not"; rows do not depend on it."""
    excluded: tuple[Eligible, ...] = field(default=(), repr=False)
    """Who is left out: whoever did one of these."""

    @property
    def named(self) -> tuple[What, ...]:
        """Every event type that it names, and the kinds of its outcome."""
        asked = [e.channel for e in (self.eligible, *self.excluded) if e.channel not in COUNTED]
        return (*self.outcome.kinds, *asked)

    @property
    def link(self) -> Link:
        """How a linear score becomes a value."""
        return "amount" if self.outcome.form in ("amount", "count") else "probability"


Masks = NDArray[np.uint32]
"""One bit a model."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The models' outcomes as arrays."""

    bit: Masks
    window: I64
    deadline: I64
    """From opening to closing, ms."""
    counts: Bool
    """(models, 256) which events an outcome is about, by their codes."""
    any_counts: Bool
    """(256,) codes of events that some outcome is about."""
    elements: Bool
    """(models, kinds and named types) which of them an outcome names."""
    marks: I64
    """(models, 256) the bits of those elements that an event with this code is one of."""
    amount: Bool
    """Models whose label is an amount, or a number of events."""
    money: Bool
    """Models whose label is the money of the events."""
    negated: Bool
    """Models whose label is 1 when nothing happened."""
    every: Bool
    """Models whose label is 1 when each of their elements came: their progress is a set of bits."""
    wanted: F64
    """Of those models the bits of all elements."""
    early: Bool
    """Models that learn early."""

    @staticmethod
    def of(models: Sequence[ModelSpec], types: EventTypes) -> Rules:
        """Of models in the catalog's order."""
        outcomes = [m.outcome for m in models]
        counts = np.zeros((len(outcomes), 256), np.bool_)
        elements = np.zeros((len(outcomes), FIRST + len(types.names)), np.bool_)
        marks = np.zeros(counts.shape, np.int64)
        for i, o in enumerate(outcomes):
            counts[i, types.matching(o.kinds)] = True
            for what in o.kinds:
                elements[i, types.element(what)] = True
                marks[i, types.matching([what])] |= 1 << types.element(what)
        return Rules(
            bit=np.uint32(1) << np.arange(len(outcomes), dtype=np.uint32),
            window=np.array([o.window_ms for o in outcomes]),
            deadline=np.array([o.deadline_ms for o in outcomes]),
            counts=counts,
            any_counts=np.array([bool(kind.any()) for kind in counts.T]),
            elements=elements,
            marks=marks,
            amount=np.array([o.form in ("amount", "count") for o in outcomes]),
            money=np.array([o.form == "amount" for o in outcomes]),
            negated=np.array([o.form == "will_not" for o in outcomes]),
            every=np.array([o.form == "will_all" for o in outcomes]),
            wanted=np.array(
                [float(sum({1 << types.element(what) for what in o.kinds})) for o in outcomes]
            ),
            early=np.array([m.early for m in models]),
        )


NEVER = np.iinfo(np.int64).max


def deadlines(is_open: Masks, opened: I64, rules: Rules) -> I64:
    """(models, ...) closing deadlines of slots opened at `opened`, NEVER of what is not open."""
    closing = np.empty((len(rules.bit), *opened.shape), np.int64)
    for m, (bit, deadline) in enumerate(zip(rules.bit, rules.deadline, strict=True)):
        closing[m] = np.where((is_open & bit) != 0, opened + deadline, NEVER)
    return closing
