"""Commits and stores for the tests of the profile store."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import redis

from afflux.names import EVENTS, Dataset, Identity
from profile_store.contract import Commit, RowRequest, ShardStore
from profile_store.keys import Keys
from profile_store.memory import MemoryShardStore, Value
from profile_store.options import RedisOptions
from profile_store.redis_store import RedisShardStore

SHARDS = 16
NONCE = b"n" * 16
OTHER = b"o" * 16


def position(version: int, nonce: bytes = NONCE, rest: bytes = b"rest") -> bytes:
    """A stored position; the store only looks at version and nonce."""
    return struct.pack("<Q", version) + nonce + rest


def fence(version: int, nonce: bytes = NONCE) -> bytes:
    """What a commit expects after `position(version, nonce)`."""
    return position(version, nonce)[:24]


def person(number: int) -> Identity:
    """An identity that needs no escaping in keys."""
    return Identity(b"crm:%d" % number)


def rows(numbers: Sequence[int], size: int = 8) -> list[tuple[Identity, Dataset, bytes]]:
    """Fragments of people, with a value that tells them apart."""
    return [(person(n), EVENTS, b"%0*d" % (size, n)) for n in numbers]


def first(shard: int = 0, **writes: object) -> Commit:
    """The first commit of a shard."""
    return Commit(shard, b"", position(1), writes.pop("outbox", b""), **writes)  # type: ignore[arg-type]


def second(shard: int = 0, **writes: object) -> Commit:
    """The commit after `first`."""
    outbox = writes.pop("outbox", b"")
    return Commit(shard, fence(1), position(2), outbox, **writes)  # type: ignore[arg-type]


def request(shard: int = 0, numbers: Sequence[int] = (), **more: object) -> RowRequest:
    """A request for the events fragments of people."""
    return RowRequest(shard, [(person(n), EVENTS) for n in numbers], **more)  # type: ignore[arg-type]


@dataclass
class Harness:
    """A store, a second client of the same data, and a way to look beneath both."""

    store: ShardStore
    other: ShardStore
    clients: Sequence[redis.Redis]
    """Raw clients of the servers; none for the memory store."""

    def spoil(self, key: bytes) -> None:
        """Put a value of the wrong type under a key: a hash, or a string where it is deadlines."""
        if isinstance(self.store, MemoryShardStore):
            text = key[:2] in (b"d:", b"n:", b"c:")
            self.store.data[key] = b"text" if text else {Identity(b"x"): 1}
            return
        client = _owner(self.clients, key)
        client.delete(key)
        if key[:2] in (b"d:", b"n:", b"c:"):
            client.set(key, b"text")
        else:
            client.zadd(key, {b"x": 1})

    def dump(self) -> Mapping[bytes, Value]:
        """All keys and values."""
        if isinstance(self.store, MemoryShardStore):
            return self.store.dump()
        return dict(item for client in self.clients for item in _items(client))


def _owner(clients: Sequence[redis.Redis], key: bytes) -> redis.Redis:
    for client in clients:
        try:
            client.exists(key)
        except redis.ResponseError:  # MOVED
            continue
        return client
    raise AssertionError("no server has this key")


def _items(client: redis.Redis) -> Iterator[tuple[bytes, Value]]:
    for key in client.scan_iter(count=1000):
        if client.type(key) == b"list":
            entries: Any = client.lrange(key, 0, -1)
            yield key, tuple(entries)
        elif client.type(key) == b"zset":
            scored: Any = client.zrange(key, 0, -1, withscores=True)
            yield key, {Identity(member): int(score) for member, score in scored}
        elif client.type(key) == b"hash":
            counts: Any = client.hgetall(key)
            yield key, {Identity(name): int(count) for name, count in counts.items()}
        else:
            value = client.get(key)
            assert isinstance(value, bytes)
            yield key, value


def memory_harness() -> Harness:
    """Over a dictionary."""
    store = MemoryShardStore(SHARDS)
    return Harness(store, store, ())


def redis_harness(url: str, clients: Sequence[redis.Redis], *, cluster: bool = False) -> Harness:
    """Over emptied servers."""
    for client in clients:
        client.flushall()
    options = RedisOptions(url, cluster=cluster)
    return Harness(RedisShardStore(options, SHARDS), RedisShardStore(options, SHARDS), clients)


KEYS = Keys(SHARDS)


@contextlib.asynccontextmanager
async def opened(where: RedisOptions | str) -> AsyncIterator[RedisShardStore]:
    """A store that is closed at the end."""
    store = RedisShardStore(where, SHARDS)
    try:
        yield store
    finally:
        await store.close()
