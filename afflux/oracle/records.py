"""What the oracle takes in, and the examples that it tells of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from afflux.catalog import Catalog
from afflux.columns import Kind
from afflux.names import Identity
from afflux.oracle.interests import Mention
from afflux.oracle.row import CHANNELS_OF_KINDS
from afflux.outcome import Control, Rejected

EdgeState = tuple[int, str, bool]


@dataclass(frozen=True)
class Event:
    """One valid event of the log."""

    offset: int
    timestamp: int
    append_time: int
    identity: Identity
    identity_hash: int
    event_id: str
    id_hash: int
    kind: int
    amount: float
    quantity: float
    links: tuple[Identity, ...] = ()
    mentions: tuple[Mention, ...] = ()
    event_type: str = ""
    number: tuple[bytes, int, int] | None = None
    """(source, its partition, number) of a record that its source has numbered."""

    def is_one_of(self, asked: Iterable[Kind | str]) -> bool:
        """Whether it is of one of these kinds or types."""
        return any(self.event_type == w if type(w) is str else self.kind == w for w in asked)


Record = Event | Control | Rejected


@dataclass(frozen=True)
class Closed:
    """A labelled example, without what depends on the scorer."""

    deadline: int
    identity: Identity
    model: str
    open_ts: int
    open_offset: int
    vector: bytes
    label: float
    flags: int

    @property
    def key(self) -> tuple[int, Identity, str]:
        """What orders the examples of a shard."""
        return self.deadline, self.identity, self.model


@dataclass(frozen=True)
class Early:
    """What is learned before the end of a window, without what depends on the scorer."""

    seen: int
    source: int
    identity: Identity
    model: str
    open_ts: int
    open_offset: int
    deadline: int
    vector: bytes
    label: float


def named_types(catalog: Catalog) -> list[str]:
    """What models and openings name, in the order of the columns of a row."""
    asked = [w for m in catalog.models for w in m.outcome.kinds] + list(catalog.openings.kinds)
    counted = [e.channel for m in catalog.models for e in (m.eligible, *m.excluded)]
    asked += [channel for channel in counted if channel not in CHANNELS_OF_KINDS]
    return sorted({w for w in asked if type(w) is str})
