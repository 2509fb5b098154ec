"""Shards in a dictionary, with the keys and the meaning of the Redis store. For tests."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from afflux.names import Identity
from afflux.position import FENCE
from afflux.timeline.growth import Growth
from afflux.volumes import Volume
from profile_store.contract import (
    SNAPSHOTS_KEPT,
    SNAPSHOTS_RECENT,
    Commit,
    CommitResult,
    MemberChange,
    RowReply,
    RowRequest,
    StoredSnapshot,
)
from profile_store.errors import StoreMisconfigured, StoreUnavailable
from profile_store.keys import (
    INSTALLATION,
    Keys,
    current_key,
    history_key,
    kept_key,
    registry_key,
    snapshot_key,
    version_in,
)
from profile_store.volumes import increments

Value = bytes | dict[Identity, int] | tuple[bytes, ...]
"""What a key holds: a string, a sorted set of identities, counts by field, or a list."""


class MemoryShardStore:
    """A `ShardStore` that forgets everything with its process.

    data: key -> value, the names as in Redis; tests may look at it and change it.
    available: while it is False every call raises StoreUnavailable.
    """

    def __init__(self, shards: int) -> None:
        self.keys = Keys(shards)
        self.data: dict[bytes, Value] = {}
        self.available = True
        self._lost: list[int | None] = []

    def lose_next_commit(self, landed: int | None = None) -> None:
        """Let the connection break in the next call of `commit`, which raises StoreUnavailable.

        landed: how many of its commits have run by then; None: all, only the reply is lost.
        May be called several times: for the next calls, in order.
        """
        self._lost.append(landed)

    def dump(self) -> dict[bytes, Value]:
        """A copy of everything: a backup."""
        return {k: dict(v) if isinstance(v, dict) else v for k, v in self.data.items()}

    def restore(self, backup: dict[bytes, Value]) -> None:
        """Go back to what `dump` returned."""
        self.data = {k: dict(v) if isinstance(v, dict) else v for k, v in backup.items()}

    async def read(self, requests: Sequence[RowRequest]) -> list[RowReply]:
        """One reply a request."""
        await self._reach()
        return [self._read(request) for request in requests]

    async def commit(self, commits: Sequence[Commit]) -> list[CommitResult]:
        """One result a commit; shards are independent of each other."""
        await self._reach()
        if not self._lost:
            results: list[CommitResult | StoreMisconfigured] = []
            for commit in commits:
                try:
                    results.append(self._commit(commit))
                except StoreMisconfigured as error:
                    results.append(error)
            return [_result(result) for result in results]
        for commit in commits[: self._lost.pop(0)]:
            self._commit(commit)
        raise StoreUnavailable("the connection was lost before the reply")

    async def positions(self, shards: Sequence[int]) -> list[bytes]:
        """Stored positions, b"" where there is none."""
        await self._reach()
        return [self._string(self.keys.position(shard)) or b"" for shard in shards]

    async def outboxes(self, shards: Sequence[int]) -> list[bytes]:
        """Stored outboxes, b"" where empty."""
        await self._reach()
        return [self._string(self.keys.outbox(shard)) or b"" for shard in shards]

    async def put_snapshot(
        self, model: str, version: str, data: bytes, about: bytes = b"", keep: bool = False
    ) -> None:
        """Store an immutable snapshot and make it the model's current one."""
        await self._reach()
        key = snapshot_key(model, version)
        recent, kept = self._keys(history_key(model)), self._keys(kept_key(model))
        before = recent[:1]
        recent = [key, *(k for k in recent if k != key)]
        if keep:
            kept = list(dict.fromkeys([key, *before, *kept]))
        self.data[key], self.data[registry_key(model) + key] = data, about
        self.data[current_key(model)] = version.encode()
        gone = {*recent[SNAPSHOTS_RECENT:], *kept[SNAPSHOTS_KEPT:]}
        recent, kept = recent[:SNAPSHOTS_RECENT], kept[:SNAPSHOTS_KEPT]
        for old in gone - {*recent, *kept}:
            del self.data[old], self.data[registry_key(model) + old]
        self.data[history_key(model)] = b" ".join(recent)
        self.data[kept_key(model)] = b" ".join(kept)

    async def snapshots(self, model: str) -> list[StoredSnapshot]:
        """The snapshots that are stored of a model, in no order."""
        await self._reach()
        recent, kept = self._keys(history_key(model)), self._keys(kept_key(model))
        return [
            StoredSnapshot(
                version_in(key), self._string(registry_key(model) + key) or b"", key in kept
            )
            for key in dict.fromkeys([*recent, *kept])
        ]

    def _keys(self, name: bytes) -> list[bytes]:
        return (self._string(name) or b"").split()

    async def current_snapshots(self, models: Sequence[str]) -> list[str | None]:
        """Version that is current of each model."""
        await self._reach()
        found = [self._string(current_key(model)) for model in models]
        return [None if version is None else version.decode() for version in found]

    async def snapshot(self, model: str, version: str, most: int = 0) -> bytes | None:
        """The bytes of a snapshot; with `most`, at most so many from its start."""
        await self._reach()
        data = self._string(snapshot_key(model, version))
        return data[: most or None] if data else None

    async def installation(self) -> bytes:
        """The stored installation record, b"" if there is none."""
        await self._reach()
        return self._string(INSTALLATION) or b""

    async def swap_installation(self, found: bytes, wanted: bytes) -> bool:
        """Replace the record that was `found` (b"" for none); False if it is another by now."""
        if await self.installation() != found:
            return False
        self.data[INSTALLATION] = wanted
        return True

    async def close(self) -> None:
        """Nothing to release."""

    async def _reach(self) -> None:
        await asyncio.sleep(0)
        if not self.available:
            raise StoreUnavailable("the memory store is switched off")

    def _string(self, key: bytes) -> bytes | None:
        value = self.data.get(key)
        if value is not None and not isinstance(value, bytes):
            raise StoreMisconfigured(f"WRONGTYPE {key!r} is not a string")
        return value

    def _row(self, key: bytes) -> bytes | None:
        value = self.data.get(key)  # as MGET: another type reads as nothing
        return value if isinstance(value, bytes) else None

    def _deadlines(self, shard: int) -> dict[Identity, int]:
        return self._sorted_set(self.keys.deadlines(shard))

    def _sorted_set(self, key: bytes) -> dict[Identity, int]:
        value = self.data.get(key, {})
        if not isinstance(value, dict):
            raise StoreMisconfigured(f"WRONGTYPE {key!r} is not a zset")
        return value

    def _timeline(self, key: bytes) -> tuple[bytes, ...]:
        value = self.data.get(key, ())
        if not isinstance(value, tuple):
            raise StoreMisconfigured(f"WRONGTYPE {key!r} does not hold a list")
        return value

    def _read(self, request: RowRequest) -> RowReply:
        keys, shard, row = self.keys, request.shard, self._row
        due: list[tuple[Identity, int]] = []
        next_due = None
        if request.due_until is not None:
            ordered = sorted(self._deadlines(shard).items(), key=lambda d: (d[1], d[0]))
            due = [d for d in ordered if d[1] < request.due_until][: request.due_limit]
            next_due = ordered[len(due)][1] if len(due) < len(ordered) else None
        return RowReply(
            shard,
            row(keys.position(shard)) or b"",
            [row(key) for key in keys.fragments(shard, request.fragments)],
            [row(key) for key in keys.served(shard, request.served)],
            [row(key) for key in keys.edges(shard, request.edges)],
            [row(key) for key in keys.attributes(shard, request.attributes)],
            [row(key) for key in keys.interests(shard, request.interests)],
            due,
            next_due,
            [row(key) for key in keys.memberships(shard, request.memberships)],
        )

    def _commit(self, commit: Commit) -> CommitResult:
        keys, shard, data = self.keys, commit.shard, self.data
        found = self._string(keys.position(shard)) or b""
        if found[:FENCE] != commit.expected:
            return CommitResult(shard, False, found)
        deadlines = dict(self._deadlines(shard)) if commit.deadlines else None
        members = {
            keys.members(shard, name): _changed(self._sorted_set(keys.members(shard, name)), change)
            for name, change in commit.members.items()
        }
        named = keys.timelines(shard, [(i, d) for i, d, _ in commit.timelines])
        before = [self._timeline(key) for key in named]
        for key, old, (_, _, growth) in zip(named, before, commit.timelines, strict=True):
            self._put(key, Growth.unpack(growth).after(old, commit.timeline_events))
        pairs = [(i, d) for i, d, _ in commit.fragments]
        rows = [row for _, _, row in commit.fragments]
        data.update(zip(keys.fragments(shard, pairs), rows, strict=True))
        served = keys.served(shard, [i for i, _ in commit.served])
        data.update(zip(served, (v[1] for v in commit.served), strict=True))
        named = keys.attributes(shard, [(i, d) for i, d, _ in commit.attributes])
        for key, (_, _, value) in zip(named, commit.attributes, strict=True):
            self._put(key, value)
        for key, (_, value) in zip(
            keys.edges(shard, [i for i, _ in commit.edges]), commit.edges, strict=True
        ):
            self._put(key, value)
        for key, (_, value) in zip(
            keys.interests(shard, [i for i, _ in commit.interests]), commit.interests, strict=True
        ):
            self._put(key, value)
        for key, (_, value) in zip(
            keys.memberships(shard, [i for i, _ in commit.memberships]),
            commit.memberships,
            strict=True,
        ):
            self._put(key, value)
        for key in (*keys.served(shard, commit.forget), *keys.fragments(shard, commit.expired)):
            data.pop(key, None)
        if deadlines is not None:
            kept = {i: at for i, at in {**deadlines, **commit.deadlines}.items() if at}
            self._put(keys.deadlines(shard), kept)
        for key, people in members.items():
            self._put(key, people)
        if commit.swept:
            data[keys.swept(shard)] = commit.swept
        if commit.volumes:
            self._count(shard, commit.volumes)
        self._put(keys.outbox(shard), commit.outbox)
        data[keys.position(shard)] = commit.position
        return CommitResult(shard, True)

    def _put(self, key: bytes, value: Value) -> None:
        if value:
            self.data[key] = value
        else:
            self.data.pop(key, None)

    def _count(self, shard: int, volumes: Sequence[Volume]) -> None:
        key = self.keys.volumes(shard)
        table = self.data.setdefault(key, {})
        if not isinstance(table, dict):
            raise StoreMisconfigured(f"WRONGTYPE the counts of shard {shard} are no hash")
        for field, n in increments(volumes):
            table[Identity(field)] = table.get(Identity(field), 0) + n


def _changed(people: dict[Identity, int], change: MemberChange) -> dict[Identity, int]:
    left = set(change.left)
    return {i: 0 for i in (*people, *change.joined) if i not in left}


def _result(result: CommitResult | StoreMisconfigured) -> CommitResult:
    if isinstance(result, StoreMisconfigured):
        raise result
    return result
