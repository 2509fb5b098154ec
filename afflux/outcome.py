"""What one step returns: new rows, scores, closed examples and effects, together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from afflux.baskets.basketry import TakenBaskets
from afflux.columns import I32, I64, U64, Bool, EventColumns
from afflux.identity import Edges
from afflux.names import Identity
from afflux.numbered import Numbered
from afflux.position import Position
from afflux.volumes import Volume


@dataclass(frozen=True, slots=True)
class Control:
    """A control record, signature checked.

    kind: "edge" (a link seen at another identity's shard), "unlink", "forget" (the other end was
    deleted), "delete", "opt_out" and "opt_in" (of being scored), "tick".
    """

    kind: str
    offset: int
    timestamp: int
    """Event time, ms; of a tick: the W that it carries."""
    append_time: int
    identity: Identity | None
    """Whose fragment it changes; None for a tick."""
    identity_hash: int
    """murmur2 of `identity`. Of a tick the number of its partition: it counts in that shard."""
    other: Identity | None = None
    """The other end of an edge or unlink; of a forget who was deleted."""
    event_id: str = ""
    """The event that made it."""
    origin: tuple[int, int, int] | None = None
    """(shard, offset, rank) of a derived record; None of one that a person or tool produced."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that is not an event: where it counts and why. Its dead letter is separate."""

    offset: int
    shard: int
    code: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive records [base, end) of one topic partition, decoded and validated."""

    topic: int
    """Index in the table of input topics."""
    base: int
    end: int
    events: EventColumns
    controls: Sequence[Control] = ()
    """In ascending offset order."""
    rejected: Sequence[Rejected] = ()
    numbered: Numbered | None = None
    """What sources numbered, None where no record has a number."""

    def prefix(self, end: int) -> Batch:
        """The records before offset `end`; identities keep their index."""
        if end >= self.end:
            return self
        last = int(np.searchsorted(self.events.offset, end))
        return Batch(
            self.topic,
            self.base,
            max(end, self.base),
            self.events.take(np.arange(last)),
            [c for c in self.controls if c.offset < end],
            [r for r in self.rejected if r.offset < end],
            None if self.numbered is None else self.numbered.between(self.base, end),
        )


@dataclass(frozen=True, slots=True)
class Fetched:
    """What the store held of the rows that a step needs. Row r belongs to `identities[r]`.

    The first `len(batch.events.identities)` rows stand in the order of the batch's identities
    (rows that no event of an advancing shard touches may be zero rows); then identities of
    controls and identities with a due deadline.
    """

    identities: Sequence[Identity]
    shard: I32
    fragment: NDArray[np.void]
    """dtype `catalog.fragment`; `catalog.new_fragments(n)` where the store had none."""
    served: NDArray[np.void]
    """dtype `catalog.served`."""
    edges: Mapping[int, Edges] = field(default_factory=dict)
    """Row -> its edges, for rows that have links, links in this batch, or a control."""
    linked_owner: I32 = field(default_factory=lambda: np.empty(0, np.int32))
    """Row whose profile the linked fragment belongs to, ascending."""
    linked: NDArray[np.void] | None = None
    """Fragments of linked identities (other rows of the same profile), aligned to it."""
    due: I64 = field(default_factory=lambda: np.empty(0, np.int64))
    """Stored deadline of each row that was found due, 0 of the others; may be left out."""
    interests: Mapping[int, bytes | None] = field(default_factory=dict)
    """Row -> its stored interests, None where the store had none; of all rows with events whose
    mentions count (`afflux.interests.rules.interested`)."""


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """The pure result of one step; r below is a row of `Fetched`.

    `closed` is a structured array, sorted by (shard, deadline, identity, model); `early` by (shard,
    source, opening, model).
    """

    fragment: NDArray[np.void]
    served: NDArray[np.void]
    fragment_changed: Bool
    served_changed: Bool
    event_ids: Mapping[int, str]
    """Row -> id of the event that its scores are as of (rows of `scored`); "" of a silent one."""
    scored: I32
    """Rows with new scores, by events or by their silence: the owners to announce."""
    deleted: I32
    """Rows whose scores are retracted: they became tombstones (attributes and edges go too), or
    may no longer be scored."""
    expired: I64
    """Rows of which nothing is known any more: the fragment goes."""
    unscored: I64
    """Rows whose served row goes for their silence; scores are retracted."""
    deadline: I64
    """(rows,) when the row is to be looked at next, 0 for never."""
    deadline_moved: Bool
    closed: NDArray[np.void]
    """dtype `catalog.closed`."""
    early: NDArray[np.void]
    """dtype `catalog.early`: what models that learn early learn."""
    edges: Mapping[int, Edges]
    """Row -> edges to store, only where they changed."""
    derived: Sequence[Control]
    """Edges to send to another identity's partition, in order of (shard, offset, rank)."""
    positions: Mapping[int, Position]
    """Shard -> its position after the step (same version as before; the shell sets the next)."""
    counters: Mapping[int, U64]
    """Shard -> what this step added, already inside `positions`."""
    relinked: I32 = field(default_factory=lambda: np.empty(0, np.int32))
    """Rows whose links a control record changed: owners to announce again, with whom they belong
    to after the commit."""
    interests: Mapping[int, bytes] = field(default_factory=dict)
    """Row -> its interests to store, only where they changed; b"" where they are to go."""
    vectors: NDArray[np.float16] | None = None
    """Features that scores came from, of openings and of rows; None where nothing was scored."""
    vector_of: I64 | None = None
    """Aligned to `scored`: where in `vectors` the row's are."""
    volumes: Mapping[int, Sequence[Volume]] = field(default_factory=dict)
    """Shard -> what this step adds to its days."""
    baskets: TakenBaskets | None = None
    """What recommenders learn from."""
    timelines: Mapping[int, bytes] = field(default_factory=dict)
    """Row -> what happens to its timeline, a packed `afflux.timeline.growth.Growth`."""
