"""Events as compact rows: what a file is reduced to before it is folded.

A row has no text: identities are numbers of a table, event ids are hashes. So ten million events
are half a gigabyte on disk, and as little in memory as one block of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from afflux.names import Identity

EVENT = np.dtype(
    [
        ("ts", "<i8"),
        ("id", "<u8"),
        ("amount", "<f8"),
        ("quantity", "<f8"),
        ("who", "<i4"),
        ("kind", "u1"),
    ]
)
"""ts: ms. id: hash of the event's id, never 0. who: index into the identities. kind: code of
the event type (`afflux.event_types`), a `Kind` where no model names a type."""

Events = NDArray[np.void]
"""(n,) of dtype `EVENT`."""


class EventLog(Protocol):
    """A log that can be read from its beginning, any number of times."""

    @property
    def identities(self) -> Sequence[Identity]:
        """Everybody in it."""
        ...

    def __len__(self) -> int:
        """Number of events."""
        ...

    def blocks(self, size: int) -> Iterator[Events]:
        """All events in order, at most `size` at a time."""
        ...


@dataclass(frozen=True)
class EventsInMemory:
    """A log that fits in memory."""

    identities: Sequence[Identity]
    events: Events

    def __len__(self) -> int:
        return len(self.events)

    def blocks(self, size: int) -> Iterator[Events]:
        """All events in order, at most `size` at a time."""
        for at in range(0, len(self.events), size):
            yield self.events[at : at + size]
