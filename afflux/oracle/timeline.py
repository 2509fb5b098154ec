"""The oracle of timelines: one event at a time, in plain Python, to the bytes of the store.

It shares the numbers of the known types with the core, no code.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from afflux.limits import Timelines
from afflux.oracle.interests import Mention
from afflux.timeline.storage import TYPES

PRODUCT, PAGE = 1, 2


@dataclass
class Timeline:
    """Of one fragment."""

    rules: Timelines
    entries: list[tuple[int, bytes]] = field(default_factory=list)
    """Event time, stored form."""

    def add(self, timestamp: int, entry: bytes, w: int) -> None:
        """An accepted event; w: W behind it."""
        life = self.rules.lifetime_ms
        if not self.rules.events or (life and timestamp < w - life):
            return
        self.entries = [*self.entries, (timestamp, entry)][-self.rules.events :]
        while life and self.entries and self.entries[0][0] < w - life:
            self.entries.pop(0)

    def encode(self) -> tuple[bytes, ...]:
        """As the store holds it."""
        return tuple(entry for _, entry in self.entries)


def entry_of(
    offset: int,
    timestamp: int,
    event_id: str,
    event_type: str | None,
    amount: float,
    quantity: float,
    mentions: tuple[Mention, ...],
) -> bytes:
    """The stored form of an event."""
    name, id = (event_type or "").encode(), event_id.encode()
    code = TYPES.index(event_type) + 1 if event_type in TYPES else 0
    if code:
        name = b""
    while len(name) > 255:
        name = name.decode()[:-1].encode()
    about = [m for subject in (PRODUCT, PAGE) for m in mentions if m.subject == subject][:3]
    paid = amount != 0 or quantity != 0
    return (
        struct.pack("<qqBBHBB", offset, timestamp, code, len(name), len(id), paid, len(about))
        + (struct.pack("<dd", amount, quantity) if paid else b"")
        + id
        + name
        + b"".join(bytes([m.subject, len(m.id)]) + m.id for m in about)
    )
