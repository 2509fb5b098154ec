"""Reading people who have several identities."""

from __future__ import annotations

from itertools import pairwise

import redis

from profile_store import (
    AsyncProfileStore,
    MergePolicy,
)
from profile_store.redis_store import RedisShardStore
from store_people import (
    describe,
    fold,
    known,
    link,
    purchase,
    view,
)

pytest_plugins = ["store_reading"]


async def test_linked_identities_are_one_person(
    shards: RedisShardStore, reader: AsyncProfileStore
) -> None:
    """From any identity of a chain over shards the same person is read."""
    await fold(
        shards,
        [purchase(1, 0, "crm:1", 30), view(2, 1, "device:a"), purchase(3, 5, "email:a@b.c", 12)],
    )
    await link(shards, ("crm:1", "device:a"), ("device:a", "email:a@b.c"))
    profiles = [
        await known(reader, *who) for who in (("crm", "1"), ("device", "a"), ("email", "a@b.c"))
    ]
    assert {frozenset(p.identities) for p in profiles} == {
        frozenset({b"crm:1", b"device:a", b"email:a@b.c"})
    }
    assert [p.identities[0] for p in profiles] == [b"crm:1", b"device:a", b"email:a@b.c"]
    assert len({p.profile_id for p in profiles}) == 1
    for p in profiles:
        assert p.engagement == profiles[0].engagement
        assert p.features == profiles[0].features
        assert p.scores == profiles[0].scores
    facts = profiles[0].engagement
    assert facts is not None
    assert (facts.events, facts.purchases, facts.revenue) == (3, 2, 42.0)
    assert {s.identity for s in profiles[0].scores.values()} == {b"email:a@b.c"}
    assert {e.identity for e in profiles[0].open_examples} == {b"crm:1", b"email:a@b.c"}


async def test_without_stitching_each_identity_is_alone(
    shards: RedisShardStore, reader: AsyncProfileStore
) -> None:
    """Stitching "none" leaves the links aside."""
    await fold(shards, [purchase(1, 0, "crm:1", 30), view(2, 1, "device:a")])
    await link(shards, ("crm:1", "device:a"))
    profile = await known(reader, "device", "a", policy=MergePolicy("none"))
    assert profile.identities == (b"device:a",)
    assert profile.engagement is not None
    assert profile.engagement.events == 1


async def test_an_identity_that_is_only_linked(
    shards: RedisShardStore, reader: AsyncProfileStore
) -> None:
    """A device without events of its own leads to its person."""
    await fold(shards, [purchase(1, 0, "crm:1", 30)])
    await link(shards, ("crm:1", "device:new"))
    profile = await known(reader, "device", "new")
    assert profile.identities == (b"device:new", b"crm:1")


async def test_a_chain_costs_one_round_trip_a_hop(
    shards: RedisShardStore, reader: AsyncProfileStore, raw: redis.Redis
) -> None:
    """Many people with links are read in as many MGETs as shards and hops need, not one by one."""
    chain = [f"device:{n}" for n in range(5)]
    await fold(shards, [view(n, 0, who) for n, who in enumerate(chain)])
    await link(shards, *pairwise(chain))
    await reader.installation()
    before = raw.info("commandstats")["cmdstat_mget"]["calls"]
    profiles = await reader.get_many([("device", "0")] * 20)
    calls = raw.info("commandstats")["cmdstat_mget"]["calls"] - before
    assert calls == len(chain)
    assert all(p is not None and len(p.identities) == 5 for p in profiles)


async def test_attributes_of_the_later_record_count(
    shards: RedisShardStore, reader: AsyncProfileStore
) -> None:
    """Attributes of linked identities are laid over each other by their time."""
    await fold(shards, [purchase(1, 0, "crm:1", 30), view(2, 1, "device:a")])
    await link(shards, ("crm:1", "device:a"))
    await describe(shards, "crm:1", 3, {"age": 31, "city": "Köln"})
    await describe(shards, "device:a", 1, {"age": 30, "os": "x"})
    for who in (("crm", "1"), ("device", "a")):
        profile = await known(reader, *who)
        assert profile.attributes == {"age": 31, "city": "Köln", "os": "x"}
