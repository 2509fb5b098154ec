"""Timelines as readers see them: pages of events, and the cursors between them."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from afflux.names import EVENTS, EpochMs, EventId, Identity, ProfileId
from afflux.shards import murmur2, shard_of
from afflux.timeline.reading import Place, Question, page
from afflux.timeline.storage import Entry, decode
from profile_store.commands import Command
from profile_store.keys import Keys
from profile_store.link import Link
from profile_store.replies import checked

_CURSOR = struct.Struct("<Bq8sq")  # newest first, event time, owner, offset


class CursorError(ValueError):
    """A text that is no cursor of a page in this order."""


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """What happened once."""

    event_id: EventId
    event_time: EpochMs
    event_type: str | None
    amount: float
    """Money of the event; 0 if none."""
    quantity: float
    """Items bought, viewed or added; 0 if none."""
    about: tuple[tuple[str, str], ...]
    """(kind, id) of the first things that it names: "product" (SKU, else the name), "page"."""
    identity: Identity
    """Whose event it is."""

    @staticmethod
    def of(identity: Identity, entry: Entry) -> TimelineEvent:
        """As it is stored of an identity."""
        return TimelineEvent(
            EventId(entry.event_id),
            EpochMs(entry.timestamp),
            entry.event_type,
            entry.amount,
            entry.quantity,
            tuple((subject.name.lower(), thing) for subject, thing in entry.about),
            identity,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "event_id": self.event_id,
            "event_time": self.event_time,
            "event_type": self.event_type,
            "amount": self.amount,
            "quantity": self.quantity,
            "about": [{"kind": kind, "id": thing} for kind, thing in self.about],
            "identity": self.identity.decode("utf-8", "backslashreplace"),
        }


@dataclass(frozen=True, slots=True)
class TimelinePage:
    """Events of a person, in the order of event time.

    next: the cursor of the page that follows, None at the end.
    """

    profile_id: ProfileId
    identities: tuple[Identity, ...]
    events: tuple[TimelineEvent, ...]
    next: str | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, identities as text."""
        return {
            "profile_id": self.profile_id,
            "identities": [i.decode("utf-8", "backslashreplace") for i in self.identities],
            "events": [event.to_dict() for event in self.events],
            "next": self.next,
        }

    def to_json(self, indent: int | None = None) -> str:
        """The same as JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=indent)


def question(
    since: int | None,
    until: int | None,
    types: Iterable[str] | None,
    limit: int,
    cursor: str | None,
    newest_first: bool,
) -> Question:
    """What is asked for. Raises CursorError, and ValueError for a limit that is none."""
    after = None if cursor is None else _place(cursor, newest_first)
    return Question(since, until, frozenset(types or ()), limit, newest_first, after)


async def entries(
    link: Link, keys: Keys, identities: Sequence[Identity]
) -> list[tuple[Identity, Sequence[bytes]]]:
    """What is stored of each, in one round trip."""
    shards = shard_of(murmur2(identities), keys.shards).tolist() if identities else []
    commands = [
        Command(keys.slot(s), ("LRANGE", keys.timelines(s, [(i, EVENTS)])[0], 0, -1))
        for s, i in zip(shards, identities, strict=True)
    ]
    replies = checked(await link.run(commands), link.name)
    return list(zip(identities, replies, strict=True))


def turned(
    profile_id: ProfileId,
    timelines: Sequence[tuple[Identity, Sequence[bytes]]],
    asked: Question,
) -> TimelinePage:
    """The page that is asked for. Raises RowError for a damaged entry."""
    events, last = page(timelines, asked)
    return TimelinePage(
        profile_id,
        tuple(identity for identity, _ in timelines),
        tuple(TimelineEvent.of(identity, entry) for identity, entry in events),
        None if last is None else _text(last, asked.newest_first),
    )


def stored_events(identity: Identity, timeline: Sequence[bytes]) -> list[dict[str, Any]]:
    """All that is stored, in the order of the log."""
    return [TimelineEvent.of(identity, decode(entry)).to_dict() for entry in timeline]


def _text(place: Place, newest_first: bool) -> str:
    data = _CURSOR.pack(newest_first, place.timestamp, place.owner, place.offset)
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _place(text: str, newest_first: bool) -> Place:
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
        backwards, timestamp, owner, offset = _CURSOR.unpack(data)
    except (ValueError, struct.error):
        raise CursorError("this is no cursor") from None
    if bool(backwards) != newest_first:
        raise CursorError("this cursor is of a page in the other order")
    return Place(timestamp, owner, offset)
