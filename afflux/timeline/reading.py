"""A page of somebody's timeline: entries of all their identities in the order of event time."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from afflux.names import Identity
from afflux.rows import RowError
from afflux.timeline.storage import Entry, decode

_OFFSET_AND_TIME = struct.Struct("<qq")

MOST = 1000
"""Events of one page."""


class Place(NamedTuple):
    """Where an event stands: by its time, then in an order that stays the same."""

    timestamp: int
    owner: bytes
    """Eight bytes that stand for the identity, so that a cursor names nobody."""
    offset: int


@dataclass(frozen=True, slots=True)
class Question:
    """Which events; raises ValueError for a limit that is none."""

    since: int | None = None
    """Event time, ms, inclusive."""
    until: int | None = None
    """Event time, ms, exclusive."""
    types: frozenset[str] = frozenset()
    """Empty: all."""
    limit: int = 100
    newest_first: bool = False
    after: Place | None = None
    """Only what follows this, in the order that is asked for."""

    def __post_init__(self) -> None:
        """Refuse what cannot hold."""
        if not 1 <= self.limit <= MOST:
            raise ValueError(f"a page has 1 to {MOST} events, not {self.limit}")

    def wants(self, place: Place) -> bool:
        """Whether an event of this place may be asked for."""
        if self.since is not None and place.timestamp < self.since:
            return False
        if self.until is not None and place.timestamp >= self.until:
            return False
        if self.after is None:
            return True
        return place < self.after if self.newest_first else place > self.after


def page(
    timelines: Iterable[tuple[Identity, Sequence[bytes]]], question: Question
) -> tuple[list[tuple[Identity, Entry]], Place | None]:
    """The events that are asked for, and where the next page begins: after this; None at the end.

    timelines: stored entries by identity. Raises RowError for a damaged entry.
    """
    found: list[tuple[Place, Identity, bytes]] = []
    for identity, entries in timelines:
        owner = hashlib.blake2b(identity, digest_size=8).digest()
        for stored in entries:
            place = _place(owner, stored)
            if question.wants(place):
                found.append((place, identity, stored))
    found.sort(reverse=question.newest_first)
    shown: list[tuple[Identity, Entry]] = []
    last = None
    for place, identity, data in found:
        entry = decode(data)
        if question.types and entry.event_type not in question.types:
            continue
        if len(shown) == question.limit:
            return shown, last
        shown.append((identity, entry))
        last = place
    return shown, None


def _place(owner: bytes, entry: bytes) -> Place:
    try:
        offset, timestamp = _OFFSET_AND_TIME.unpack_from(entry)
    except struct.error:
        raise RowError(f"an event of a timeline has {len(entry)} bytes, no more") from None
    return Place(timestamp, owner, offset)
