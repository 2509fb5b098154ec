"""The words of every profile store: what a commit is, and what reads return.

One contract suite (tests/contract) runs over all implementations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from afflux.names import Dataset, Identity
from afflux.volumes import Volume

MAX_ROWS = 500
MAX_BYTES = 512 * 1024
"""At most this much in one commit: a longer script would block the server for others."""

SNAPSHOTS_RECENT = 16
"""The newest snapshots of a model stay readable, the current one included."""

SNAPSHOTS_KEPT = 48
"""And so many of those that are to be kept longer."""


@dataclass(frozen=True, slots=True)
class MemberChange:
    """Who came into an audience, and who left it."""

    joined: Sequence[Identity] = ()
    left: Sequence[Identity] = ()


@dataclass(frozen=True, slots=True)
class Commit:
    """Everything that one step changes in one shard. It happens whole, or not at all.

    expected: the first `FENCE` bytes (version, nonce) of the stored position, b"" for a shard
    that has none yet. The store compares them, then writes; a shard whose position differs is
    left untouched.
    """

    shard: int
    expected: bytes
    position: bytes
    outbox: bytes
    """b"" empties it."""
    fragments: Sequence[tuple[Identity, Dataset, bytes]] = ()
    served: Sequence[tuple[Identity, bytes]] = ()
    attributes: Sequence[tuple[Identity, Dataset, bytes]] = ()
    """b"" deletes the key."""
    edges: Sequence[tuple[Identity, bytes]] = ()
    """b"" deletes the key."""
    forget: Sequence[Identity] = ()
    """Identities whose served row is deleted."""
    expired: Sequence[tuple[Identity, Dataset]] = ()
    """Fragments that are deleted."""
    deadlines: Mapping[Identity, int] = field(default_factory=dict)
    """Identity -> its new earliest deadline, ms; 0 removes it."""
    interests: Sequence[tuple[Identity, bytes]] = ()
    """b"" deletes the key. Rows are written before all else: they know which
    offsets are in them, so it does no harm if nothing else landed."""
    memberships: Sequence[tuple[Identity, bytes]] = ()
    """b"" deletes the key."""
    members: Mapping[str, MemberChange] = field(default_factory=dict)
    """By audience."""
    swept: bytes = b""
    """How far the back-fill of audiences is in this shard; b"" leaves what is there."""
    volumes: Sequence[Volume] = ()
    """What is added to the days of the shard."""
    timelines: Sequence[tuple[Identity, Dataset, bytes]] = ()
    """What happens to each, a packed `Growth`. Written before all else, and what a timeline has
    already is not added again: so it does no harm if nothing else landed."""
    timeline_events: int = 0
    """Of each of these timelines the last ones stay."""


@dataclass(frozen=True, slots=True)
class CommitResult:
    """landed, or the position that is in the store instead (b"" if none)."""

    shard: int
    landed: bool
    found: bytes = b""


@dataclass(frozen=True, slots=True)
class RowRequest:
    """Which rows of one shard to read, in one round trip, with its position."""

    shard: int
    fragments: Sequence[tuple[Identity, Dataset]] = ()
    served: Sequence[Identity] = ()
    edges: Sequence[Identity] = ()
    attributes: Sequence[tuple[Identity, Dataset]] = ()
    due_until: int | None = None
    """Also the identities whose deadline is < this, at most `due_limit`, earliest first."""
    due_limit: int = MAX_ROWS
    interests: Sequence[Identity] = ()
    memberships: Sequence[Identity] = ()


@dataclass(frozen=True, slots=True)
class RowReply:
    """Values in the order of the request; None where there is none."""

    shard: int
    position: bytes
    """b"" where the shard has none."""
    fragments: Sequence[bytes | None]
    served: Sequence[bytes | None]
    edges: Sequence[bytes | None]
    attributes: Sequence[bytes | None]
    interests: Sequence[bytes | None]
    due: Sequence[tuple[Identity, int]]
    """(identity, deadline), at most the limit asked for."""
    next_due: int | None
    """Earliest deadline beyond `due`, None if there is none (only where due_until was given)."""
    memberships: Sequence[bytes | None] = ()


@dataclass(frozen=True, slots=True)
class StoredSnapshot:
    """A snapshot in the registry of a model."""

    version: str
    about: bytes
    """What its writer said of it."""
    kept: bool
    """Whether it outlives the recent ones."""


class ShardStore(Protocol):
    """What the enrich plane needs of a store. All of it may raise StoreUnavailable."""

    async def read(self, requests: Sequence[RowRequest]) -> list[RowReply]:
        """One reply a request, all pipelined."""
        ...

    async def commit(self, commits: Sequence[Commit]) -> list[CommitResult]:
        """One result a commit, all pipelined; shards are independent of each other."""
        ...

    async def positions(self, shards: Sequence[int]) -> list[bytes]:
        """Stored positions, b"" where there is none."""
        ...

    async def outboxes(self, shards: Sequence[int]) -> list[bytes]:
        """Stored outboxes, b"" where empty."""
        ...

    async def put_snapshot(
        self, model: str, version: str, data: bytes, about: bytes = b"", keep: bool = False
    ) -> None:
        """Store an immutable snapshot and make it the model's current one.

        The newest ones stay; keep: this one, and the one before it, for longer.
        """
        ...

    async def snapshots(self, model: str) -> list[StoredSnapshot]:
        """The snapshots that are stored of a model, in no order."""
        ...

    async def current_snapshots(self, models: Sequence[str]) -> list[str | None]:
        """Version that is current of each model."""
        ...

    async def snapshot(self, model: str, version: str, most: int = 0) -> bytes | None:
        """The bytes of a snapshot; with `most`, at most so many from its start."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...
