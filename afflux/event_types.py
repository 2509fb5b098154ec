"""What is told apart of the open enumeration `eventType`: kinds, and types that models name.

A code is that of the `Kind`, or from `FIRST` on that of a type that some model names: `EventTypes`
knows which. Features are made of kinds; outcomes, openings and eligibility ask for codes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from afflux.columns import KIND_OF_EVENT_TYPE, U8, Kind

What = Kind | str
"""A kind of events, or exactly one event type."""

FIRST = len(Kind)
"""Code of the first named type."""

MOST = 32
"""Named types of all models together."""


@dataclass(frozen=True, slots=True)
class EventTypes:
    """The codes of event types, once it is known which ones models name."""

    names: tuple[str, ...]
    """The named types; name i has the code FIRST + i."""
    codes: Mapping[str, int]
    """Of each event type that has another code than `Kind.OTHER`."""
    kind: U8
    """(256,) the kind that a code belongs to."""

    @staticmethod
    def of(named: Iterable[What]) -> EventTypes:
        """Where these are asked for; kinds among them change nothing. Raises ValueError.

        >>> types = EventTypes.of([Kind.PURCHASE, "acme.demoBooked"])
        >>> types.codes["acme.demoBooked"], types.codes["commerce.purchases"]
        (8, 5)
        """
        names = tuple(sorted({str(name) for name in named if not isinstance(name, Kind)}))
        if len(names) > MOST:
            raise ValueError(f"models name {len(names)} event types, at most {MOST} are told apart")
        for name in names:
            if not name or name != name.strip():
                raise ValueError(f"{name!r} is no event type")
        codes = {t: int(k) for t, k in KIND_OF_EVENT_TYPE.items()}
        kind = np.zeros(256, np.uint8)
        kind[:FIRST] = np.arange(FIRST)
        for code, name in enumerate(names, FIRST):
            kind[code] = KIND_OF_EVENT_TYPE.get(name, Kind.OTHER)
            codes[name] = code
        return EventTypes(names, codes, kind)

    def split(self, code: U8) -> tuple[U8, U8 | None]:
        """The kinds of events with these codes, and the codes: None where no type is named."""
        return (self.kind[code], code) if self.names else (code, None)

    def matching(self, what: Iterable[What]) -> list[int]:
        """The codes of events that are of one of these kinds or types."""
        wanted = set(what)
        named = [FIRST + i for i, name in enumerate(self.names) if name in wanted]
        of_kind = [
            code for code in range(FIRST + len(self.names)) if Kind(int(self.kind[code])) in wanted
        ]
        return sorted({*named, *of_kind})

    def element(self, what: What) -> int:
        """Which bit stands for it where each of several has to come."""
        return int(what) if isinstance(what, Kind) else FIRST + self.names.index(what)


BUILT_IN = EventTypes.of(())
"""Where no type is named."""


def what(names: Iterable[str]) -> tuple[What, ...]:
    """Event types as kinds where they are all types of a kind, in their order.

    >>> what(["acme.demoBooked", "commerce.purchases"])
    ('acme.demoBooked', <Kind.PURCHASE: 5>)
    >>> what(["web.webpagedetails.pageViews"])
    ('web.webpagedetails.pageViews',)
    """
    asked = dict.fromkeys(names)
    whole = {
        kind
        for kind in Kind
        if kind and {t for t, k in KIND_OF_EVENT_TYPE.items() if k == kind} <= asked.keys()
    }
    of = {name: KIND_OF_EVENT_TYPE.get(name, Kind.OTHER) for name in asked}
    return tuple(dict.fromkeys(of[name] if of[name] in whole else name for name in asked))


def say(what: What) -> str:
    """In words.

    >>> say(Kind.ADD_TO_CART), say("acme.demoBooked")
    ('add to cart', 'acme.demoBooked')
    """
    return what.name.lower().replace("_", " ") if isinstance(what, Kind) else what
