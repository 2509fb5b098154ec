"""Any sequence of calls has the same replies and leaves the same keys in both stores."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

from afflux.names import ATTRIBUTES, EVENTS, Identity
from afflux.volumes import Volume
from profile_store.contract import Commit, RowRequest, ShardStore
from profile_store.memory import MemoryShardStore
from profile_store.redis_store import RedisShardStore
from store_cases import NONCE, OTHER, SHARDS, memory_harness, position, redis_harness
from store_redis import RedisProcess

identities = st.sampled_from([Identity(b) for b in (b"crm:1", b"crm:2", b"e:a b", b"e:a:b")])
values = st.binary(min_size=1, max_size=4)
maybe_values = st.binary(max_size=4)
nonces = st.sampled_from([NONCE, OTHER])
datasets = st.sampled_from([EVENTS, ATTRIBUTES])

commits = st.builds(
    Commit,
    shard=st.integers(0, 1),
    expected=st.one_of(
        st.just(b""), st.builds(lambda v, n: position(v, n)[:24], st.integers(1, 2), nonces)
    ),
    position=st.builds(position, st.integers(1, 2), nonces),
    outbox=maybe_values,
    fragments=st.lists(st.tuples(identities, datasets, values), max_size=3),
    served=st.lists(st.tuples(identities, values), max_size=2),
    attributes=st.lists(st.tuples(identities, datasets, maybe_values), max_size=2),
    edges=st.lists(st.tuples(identities, maybe_values), max_size=2, unique_by=lambda edge: edge[0]),
    forget=st.lists(identities, max_size=2),
    expired=st.lists(st.tuples(identities, datasets), max_size=2),
    deadlines=st.dictionaries(identities, st.integers(0, 5), max_size=3),
    interests=st.lists(
        st.tuples(identities, maybe_values), max_size=2, unique_by=lambda thing: thing[0]
    ),
    memberships=st.lists(
        st.tuples(identities, maybe_values), max_size=2, unique_by=lambda row: row[0]
    ),
    volumes=st.lists(
        st.builds(
            Volume, st.integers(0, 2), st.integers(0, 2), st.integers(1, 3), st.integers(0, 2**40)
        ),
        max_size=3,
    ),
).filter(lambda commit: len({a[:2] for a in commit.attributes}) == len(commit.attributes))

reads = st.builds(
    RowRequest,
    shard=st.integers(0, 1),
    fragments=st.lists(st.tuples(identities, datasets), max_size=4),
    served=st.lists(identities, max_size=3),
    edges=st.lists(identities, max_size=3),
    attributes=st.lists(st.tuples(identities, datasets), max_size=3),
    due_until=st.none() | st.integers(0, 7),
    due_limit=st.integers(0, 3),
    interests=st.lists(identities, max_size=2),
    memberships=st.lists(identities, max_size=2),
)


@pytest.fixture(scope="module")
def client() -> Iterator[redis.Redis]:
    """A client of a server for the module."""
    with RedisProcess() as process, redis.Redis(port=process.port) as client:
        yield client


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(commits, max_size=2) | st.lists(reads, max_size=2), max_size=12))
async def test_memory_and_redis_are_equal(
    client: redis.Redis, calls: list[list[Commit] | list[RowRequest]]
) -> None:
    """Same results, same replies, same keys with the same values."""
    url = f"redis://127.0.0.1:{client.connection_pool.connection_kwargs['port']}"
    ours, theirs = memory_harness(), redis_harness(url, [client])
    for call in calls:
        assert await answer(ours.store, call) == await answer(theirs.store, call)
        assert ours.dump() == theirs.dump()
    await theirs.store.close()


async def answer(store: ShardStore, call: list[Commit] | list[RowRequest]) -> object:
    """Results of a commit, or what a read returned as plain tuples."""
    assert isinstance(store, MemoryShardStore | RedisShardStore)
    assert store.keys.shards == SHARDS
    writes = [one for one in call if isinstance(one, Commit)]
    if writes:
        return await store.commit(writes)
    return [
        (
            reply.position,
            list(reply.fragments),
            list(reply.served),
            list(reply.edges),
            list(reply.attributes),
            list(reply.interests),
            list(reply.memberships),
            list(reply.due),
            reply.next_due,
        )
        for reply in await store.read([one for one in call if isinstance(one, RowRequest)])
    ]
