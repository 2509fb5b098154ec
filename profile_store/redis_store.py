"""Shards in Redis: one script a commit, one MGET a read, everything of a call in one round trip."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from afflux.names import Identity
from profile_store.cluster_nodes import ClusterNode, read_nodes
from profile_store.commands import Args, Command
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
from profile_store.durability import Barrier
from profile_store.errors import StoreError
from profile_store.keys import (
    INSTALLATION,
    INSTALLATION_SLOT,
    Keys,
    current_key,
    history_key,
    kept_key,
    model_slot,
    registry_key,
    snapshot_key,
    version_in,
)
from profile_store.link import Link, connect
from profile_store.options import RedisOptions, as_options
from profile_store.replies import checked, is_error
from profile_store.scripts import COMMIT, SNAPSHOT, SWAP, Script
from profile_store.volumes import increments

_TIMELINES = 10
"""Argument of the script that says where those of timelines begin, counted from 0."""


class RedisShardStore:
    """A `ShardStore` in a Redis server or cluster; connects at first use.

    Raises StoreUnavailable when Redis is away or does not answer in time. It sends nothing twice
    that may have run: after a lost reply the caller reads the position again and knows from it
    whether its commit landed. Raises StoreMisconfigured for a server that may evict keys, does
    not accept the login, or holds a key of another type.
    """

    def __init__(self, where: RedisOptions | str, shards: int) -> None:
        """where: a redis:// or rediss:// URL, or options. Raises ValueError for a bad URL."""
        options = as_options(where)
        self.keys = Keys(shards)
        greeting = (COMMIT.load(), SNAPSHOT.load(), SWAP.load())
        self.link: Link = connect(options, greeting, writes=True)
        self._barrier = Barrier(self.link, self.keys, options.durability)

    async def read(self, requests: Sequence[RowRequest]) -> list[RowReply]:
        """One reply a request, all pipelined."""
        commands: list[Command] = []
        for request in requests:
            slot = self.keys.slot(request.shard)
            commands += [Command(slot, args) for args in self._read_args(request)]
        replies = iter(checked(await self.link.run(commands), self.link.name))
        return [self._row_reply(request, replies) for request in requests]

    async def commit(self, commits: Sequence[Commit]) -> list[CommitResult]:
        """One result a commit, all pipelined; shards are independent of each other."""
        commands = [Command(self.keys.slot(c.shard), self._commit_args(c)) for c in commits]
        replies = await self._barrier.run(commands)
        forgotten = [i for i, reply in enumerate(replies) if is_error(reply, "NOSCRIPT")]
        if forgotten:  # an error that says that nothing ran
            again = await self._barrier.run(
                [Command(commands[i].slot, COMMIT.with_text(commands[i].args)) for i in forgotten]
            )
            for i, reply in zip(forgotten, again, strict=True):
                replies[i] = reply
        return [
            CommitResult(commit.shard, True)
            if found == 1
            else CommitResult(commit.shard, False, found)
            for commit, found in zip(commits, checked(replies, self.link.name), strict=True)
        ]

    async def positions(self, shards: Sequence[int]) -> list[bytes]:
        """Stored positions, b"" where there is none."""
        found = await self._strings([(self.keys.slot(s), self.keys.position(s)) for s in shards])
        await self._barrier.confirm()  # after the read: what it saw is then safe
        return found

    async def outboxes(self, shards: Sequence[int]) -> list[bytes]:
        """Stored outboxes, b"" where empty."""
        return await self._strings([(self.keys.slot(s), self.keys.outbox(s)) for s in shards])

    async def put_snapshot(
        self, model: str, version: str, data: bytes, about: bytes = b"", keep: bool = False
    ) -> None:
        """Store an immutable snapshot and make it the model's current one."""
        keys = [current_key(model), history_key(model), kept_key(model), registry_key(model)]
        limits = [b"%d" % n for n in (keep, SNAPSHOTS_RECENT, SNAPSHOTS_KEPT)]
        args = [version.encode(), data, about, *limits]
        await self._call(model_slot(model), SNAPSHOT, [*keys, snapshot_key(model, version)], args)

    async def snapshots(self, model: str) -> list[StoredSnapshot]:
        """The snapshots that are stored of a model, in no order."""
        slot, every = model_slot(model), ("LRANGE", kept_key(model), 0, -1)
        commands = [Command(slot, ("HGETALL", registry_key(model))), Command(slot, every)]
        known, kept = checked(await self.link.run(commands), self.link.name)
        pairs = known.items() if isinstance(known, dict) else zip(
            known[::2], known[1::2], strict=True
        )  # fmt: skip
        return [StoredSnapshot(version_in(key), about, key in set(kept)) for key, about in pairs]

    async def current_snapshots(self, models: Sequence[str]) -> list[str | None]:
        """Version that is current of each model."""
        found = await self._strings([(model_slot(m), current_key(m)) for m in models])
        return [version.decode() or None for version in found]

    async def snapshot(self, model: str, version: str, most: int = 0) -> bytes | None:
        """The bytes of a snapshot; with `most`, at most so many from its start."""
        key = snapshot_key(model, version)
        call = ("GETRANGE", key, 0, most - 1) if most else ("GET", key)
        (data,) = checked(await self.link.run([Command(model_slot(model), call)]), self.link.name)
        return bytes(data) if data else None

    async def installation(self) -> bytes:
        """The stored installation record, b"" if there is none."""
        return (await self._strings([(INSTALLATION_SLOT, INSTALLATION)]))[0]

    async def swap_installation(self, found: bytes, wanted: bytes) -> bool:
        """Replace the record that was `found` (b"" for none); False if it is another by now."""
        swapped = await self._call(INSTALLATION_SLOT, SWAP, [INSTALLATION], [found, wanted])
        return bool(swapped)

    async def cluster_nodes(self) -> list[ClusterNode]:
        """The nodes of the cluster as one of them knows them; none where there is one server."""
        if not self.link.clustered:
            return []
        ask = Command(INSTALLATION_SLOT, ("CLUSTER", "NODES"))
        (reply,) = checked(await self.link.run([ask]), self.link.name)
        return read_nodes(reply)

    async def close(self) -> None:
        """Drop the connections."""
        await self.link.close()

    async def _call(self, slot: int, script: Script, keys: list[bytes], args: list[bytes]) -> Any:
        call = script.call(keys, args)
        (reply,) = await self.link.run([Command(slot, call)])
        if is_error(reply, "NOSCRIPT"):
            (reply,) = await self.link.run([Command(slot, script.with_text(call))])
        return checked([reply], self.link.name)[0]

    async def _strings(self, keys: Sequence[tuple[int, bytes]]) -> list[bytes]:
        commands = [Command(slot, ("GET", key)) for slot, key in keys]
        return [r or b"" for r in checked(await self.link.run(commands), self.link.name)]

    def _read_args(self, request: RowRequest) -> list[Args]:
        keys, shard = self.keys, request.shard
        mget: list[bytes | str | int] = ["MGET", keys.position(shard)]
        if request.fragments:
            mget += keys.fragments(shard, request.fragments)
        if request.served:
            mget += keys.served(shard, request.served)
        if request.edges:
            mget += keys.edges(shard, request.edges)
        if request.attributes:
            mget += keys.attributes(shard, request.attributes)
        if request.interests:
            mget += keys.interests(shard, request.interests)
        if request.memberships:
            mget += keys.memberships(shard, request.memberships)
        if request.due_until is None:
            return [mget]
        due, until = keys.deadlines(shard), request.due_until
        tail = ("WITHSCORES", "LIMIT", 0)
        return [
            mget,
            ("ZRANGEBYSCORE", due, "-inf", f"({until}", *tail, request.due_limit + 1),
            ("ZRANGEBYSCORE", due, until, "+inf", *tail, 1),
        ]

    def _row_reply(self, request: RowRequest, replies: Any) -> RowReply:
        values = next(replies)
        if values is None:
            raise StoreError(f"Redis at {self.link.name} answers MGET with nothing")
        f = 1 + len(request.fragments)
        v = f + len(request.served)
        e = v + len(request.edges)
        a = e + len(request.attributes)
        i = a + len(request.interests)
        due: list[tuple[Identity, int]] = []
        next_due = None
        if request.due_until is not None:
            due = _deadlines(next(replies))
            beyond = due[request.due_limit :] + _deadlines(next(replies))
            due = due[: request.due_limit]
            next_due = beyond[0][1] if beyond else None
        return RowReply(
            request.shard, values[0] or b"", values[1:f], values[f:v], values[v:e], values[e:a],
            values[a:i], due, next_due, values[i:],
        )  # fmt: skip

    def _commit_args(self, commit: Commit) -> Args:
        keys, shard = self.keys, commit.shard
        names = [keys.position(shard), keys.outbox(shard), keys.deadlines(shard)]
        names.append(keys.volumes(shard))
        values: list[bytes] = []
        gone: list[bytes] = []
        if commit.interests:
            named = keys.interests(shard, [i for i, _ in commit.interests])
            _sort_out(named, [data for _, data in commit.interests], names, values, gone)
        if commit.fragments:
            names += keys.fragments(shard, [(i, d) for i, d, _ in commit.fragments])
            values += [data for _, _, data in commit.fragments]
        if commit.served:
            names += keys.served(shard, [i for i, _ in commit.served])
            values += [data for _, data in commit.served]
        if commit.attributes:
            named = keys.attributes(shard, [(i, d) for i, d, _ in commit.attributes])
            _sort_out(named, [data for _, _, data in commit.attributes], names, values, gone)
        if commit.edges:
            named = keys.edges(shard, [i for i, _ in commit.edges])
            _sort_out(named, [data for _, data in commit.edges], names, values, gone)
        if commit.memberships:
            named = keys.memberships(shard, [i for i, _ in commit.memberships])
            _sort_out(named, [data for _, data in commit.memberships], names, values, gone)
        if commit.swept:
            names.append(keys.swept(shard))
            values.append(commit.swept)
        if commit.forget:
            gone += keys.served(shard, commit.forget)
        if commit.expired:
            gone += keys.fragments(shard, commit.expired)
        kept = [(b"%d" % at, i) for i, at in commit.deadlines.items() if at]
        ended = [i for i, at in commit.deadlines.items() if not at]
        counts = [p for f, n in increments(commit.volumes) for p in (f, b"%d" % n)]
        sizes = (
            len(values), len(gone), len(kept), len(ended), len(commit.members), len(counts) // 2,
            len(commit.timelines), 0,
        )  # fmt: skip
        head = [commit.expected, commit.position, commit.outbox, *(b"%d" % n for n in sizes)]
        args = [*head, *values, *chain.from_iterable(kept), *ended]
        if commit.members:
            gone = [*gone, *(keys.members(shard, name) for name in commit.members)]
            args += _member_args(commit.members.values())
        args += counts
        if commit.timelines:
            args[_TIMELINES] = b"%d" % (len(args) + 1)
            args.append(b"%d" % commit.timeline_events)
            args += [growth for _, _, growth in commit.timelines]
            gone = gone + keys.timelines(shard, [(i, d) for i, d, _ in commit.timelines])
        return COMMIT.call(names + gone, args)


def _member_args(changes: Iterable[MemberChange]) -> list[bytes]:
    """How many join and leave each set, then who."""
    sizes: list[bytes] = []
    people: list[bytes] = []
    for change in changes:
        sizes += (b"%d" % len(change.joined), b"%d" % len(change.left))
        people += (part for identity in change.joined for part in (b"0", identity))
        people += change.left
    return sizes + people


def _sort_out(
    keys: list[bytes],
    data: list[bytes],
    names: list[bytes],
    values: list[bytes],
    gone: list[bytes],
) -> None:
    """Values to set to `names` and `values`, empty ones to `gone`."""
    if all(data):
        names += keys
        values += data
        return
    for key, value in zip(keys, data, strict=True):
        if value:
            names.append(key)
            values.append(value)
        else:
            gone.append(key)


def _deadlines(flat: Sequence[bytes]) -> list[tuple[Identity, int]]:
    return [
        (Identity(identity), int(float(at)))
        for identity, at in zip(flat[::2], flat[1::2], strict=True)
    ]
