"""Definitions, people and members: one suite over memory, a Redis server and a Redis Cluster."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest

from afflux.names import ATTRIBUTES, Identity
from memory_link import MemoryLink
from profile_store.audience_store import START, AudienceStore, Place, Swept
from profile_store.contract import MemberChange, ShardStore
from profile_store.memory import MemoryShardStore
from profile_store.options import RedisOptions
from profile_store.redis_store import RedisShardStore
from store_cases import SHARDS, first, person, rows, second
from store_cluster import masters
from store_redis import RedisProcess

Kept = tuple[ShardStore, AudienceStore]


@pytest.fixture(params=["memory", "redis", "cluster"])
async def kept(request: pytest.FixtureRequest) -> AsyncIterator[Kept]:
    """Each kind of store, empty, and what is kept of audiences in it."""
    if request.param == "memory":
        memory = MemoryShardStore(SHARDS)
        yield memory, AudienceStore(MemoryLink(memory), memory.keys)
        return
    with contextlib.ExitStack() as stack:
        clustered = request.param == "cluster"
        if clustered:
            url = stack.enter_context(masters())[0].url
        else:
            url = stack.enter_context(RedisProcess()).url
        store = RedisShardStore(RedisOptions(url, cluster=clustered), SHARDS)
        yield store, AudienceStore(store.link, store.keys)
        await store.close()


async def test_definitions_are_replaced_by_who_knows_them(kept: Kept) -> None:
    """Two who save at once: the second finds another record and has to look again."""
    _, shelf = kept
    assert await shelf.definitions() == b""
    assert await shelf.swap_definitions(b"", b"one")
    assert not await shelf.swap_definitions(b"", b"other")
    assert await shelf.swap_definitions(b"one", b"two")
    assert await shelf.definitions() == b"two"


async def test_everybody_is_found(kept: Kept) -> None:
    """Of some shards all who have rows or attributes, whatever is in the names; nobody else."""
    store, shelf = kept
    odd = Identity("web:a:b %é".encode())
    await store.commit(
        [
            first(s, fragments=rows(range(s * 300, s * 300 + 300)), served=[(person(9_999), b"v")])
            for s in range(SHARDS)
        ]
    )
    await store.commit([second(3, attributes=[(odd, ATTRIBUTES, b"{}")])])
    shards, found = [1, 3, 7], set()
    place: Place | None = START
    while place is not None:
        place, some = await shelf.people(shards, place)
        found.update(some)
    wanted = {(s, person(n)) for s in shards for n in range(s * 300, s * 300 + 300)}
    assert found == wanted | {(3, odd)}


async def test_members_are_counted_and_come_in_pages(kept: Kept) -> None:
    """Each once, in one order, over all shards; what two audiences share; how far shards are."""
    store, shelf = kept
    people = {s: [person(s * 10 + n) for n in range(5)] for s in range(SHARDS)}
    await store.commit(
        [
            first(
                s, swept=Swept(4, 5, s % 2 == 0).encode(),
                members={
                    "all": MemberChange(ids), "some": MemberChange([*ids[:2], person(-s - 1)]),
                },
            )
            for s, ids in people.items()
        ]
    )  # fmt: skip
    assert await shelf.counts(["all", "some", "none"]) == {"all": 80, "some": 48, "none": 0}
    assert await shelf.overlap("all", "some") == 32
    assert await shelf.overlap("all", "none") == 0
    assert sum([await shelf._overlap_of(s, "all", "some") for s in range(SHARDS)]) == 32
    everybody = await shelf.members("all", 1_000)
    assert everybody == [(s, i) for s, ids in people.items() for i in sorted(ids)]
    pages: list[tuple[int, Identity]] = []
    while page := await shelf.members("all", 7, pages[-1] if pages else None):
        pages += page
    assert pages == everybody
    assert await shelf.swept([0, 1]) == [Swept(4, 5, True), Swept(4, 5, False)]
