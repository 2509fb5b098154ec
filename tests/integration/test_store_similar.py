"""Similar people out of Redis: who they are, and who never is among them."""

from __future__ import annotations

import numpy as np
import pytest

from afflux.names import Identity
from afflux.oracle.interests import Mention
from core_cases import CATALOG
from profile_store import AsyncProfileStore, ProfileStore
from profile_store.contract import RowRequest
from profile_store.redis_store import RedisShardStore
from profile_store.similar import Sample
from store_people import (
    NOON,
    describe,
    fold,
    link,
    purchase,
    shard_of_identity,
    stored,
    tombstone,
    write,
)
from store_redis import RedisProcess

pytest_plugins = ["store_reading"]

TEA, CUP = Mention(0, 11, b"10-3", b"Tea"), Mention(0, 12, b"20", b"Cups")
SOAP = Mention(0, 13, b"30", b"Soap")
GREEN = Mention(1, 21, b"sku-1", b"Green tea")


async def everybody(shards: RedisShardStore) -> None:
    """crm:1 likes tea; 2 the same, 3 partly, 4 soap; 5 nothing; web:a is crm:2 too."""
    rows = [purchase(n, 0, f"crm:{n}", 10.0 * n) for n in range(1, 6)]
    rows.append(purchase(6, 0, "web:a", 20))
    about = {1: [TEA, GREEN], 2: [TEA, GREEN], 3: [TEA, CUP], 4: [SOAP], 6: [TEA]}
    await fold(shards, rows, mentions=about)
    await link(shards, ("crm:2", "web:a"))
    await describe(shards, "crm:only-attributes", 1, {"tier": "gold"})


async def changed(shards: RedisShardStore, who: str, field: str, value: int) -> None:
    """Another value in a fragment."""
    rows = CATALOG.decode_fragments([await stored(shards, who)])
    rows[field] = value
    await write(shards, fragments={Identity(who.encode()): CATALOG.encode_rows(rows)[0]})


async def clusters(shards: RedisShardStore, of: dict[str, int]) -> None:
    """Put people into clusters."""
    for who, cluster in of.items():
        identity = Identity(who.encode())
        (reply,) = await shards.read([RowRequest(shard_of_identity(identity), served=[identity])])
        rows, (event_id,) = CATALOG.decode_served(list(reply.served))
        rows["cluster"] = cluster
        row = CATALOG.encode_rows(rows)[0] + event_id
        fragment = await stored(shards, who)
        await write(shards, fragments={identity: fragment}, served={identity: row})


async def named(reader: AsyncProfileStore, *who: str, **how: object) -> list[str]:
    """First identities of those who are similar, the nearest first."""
    found = await reader.similar(*who, **how)  # type: ignore[arg-type]
    assert found is not None
    return [min(one.identities).decode() for one in found.people]


async def test_by_interests(shards: RedisShardStore, reader: AsyncProfileStore) -> None:
    """The nearest first, each person once, with what they have in common; never oneself."""
    await everybody(shards)
    found = await reader.similar("crm", "1")
    assert found is not None
    assert (found.by, found.sample, found.opted_out) == ("interests", 5, False)
    same, partly = found.people
    assert set(same.identities) == {b"crm:2", b"web:a"}
    assert same.similarity == pytest.approx(1.0)
    assert same.in_common == ("Green tea", "Tea")
    assert partly.identities == (b"crm:3",)
    assert partly.similarity == pytest.approx(np.sqrt(0.5) / 2)
    assert partly.in_common == ("Tea",)
    assert await named(reader, "web", "a", limit=1) == ["crm:1"]
    assert await named(reader, "crm", "4") == []
    assert await reader.similar("crm", "nobody") is None
    for limit in (0, 101):
        with pytest.raises(ValueError, match="1 to 100"):
            await reader.similar("crm", "1", limit=limit)


async def test_by_cluster(shards: RedisShardStore, reader: AsyncProfileStore) -> None:
    """Members of the same cluster, by their habits; nobody where there is no cluster yet."""
    await everybody(shards)
    assert await named(reader, "crm", "5") == []
    await clusters(shards, {"crm:1": 7, "crm:2": 7, "crm:3": 8, "crm:4": 7, "crm:5": 7})
    reader._sample.forget()
    assert await named(reader, "crm", "5") == ["crm:4", "crm:2", "crm:1"]
    found = await reader.similar("crm", "1", by="cluster", limit=2)
    assert found is not None
    assert (found.by, found.cluster, len(found.people)) == ("cluster", 7, 2)
    assert all(one.cluster == 7 and 0 < one.similarity < 1 for one in found.people)


async def test_whoever_is_deleted_or_opted_out_is_not_named(
    shards: RedisShardStore, reader: AsyncProfileStore
) -> None:
    """Neither from a sample of before nor from a new one; who opted out is compared with nobody."""
    await everybody(shards)
    assert await named(reader, "crm", "1") == ["crm:2", "crm:3"]
    await write(shards, fragments={Identity(b"crm:3"): tombstone()})
    assert await named(reader, "crm", "1") == ["crm:2"]
    await changed(shards, "web:a", "consent", NOON + 1)
    assert await named(reader, "crm", "1") == []
    reader._sample.forget()
    assert await named(reader, "crm", "1") == []
    found = await reader.similar("crm", "2")
    assert found is not None
    assert (found.opted_out, found.people, found.sample) == (True, (), 0)
    assert await reader.similar("crm", "3") is None


async def test_the_sample_is_read_once_a_minute(
    shards: RedisShardStore, reader: AsyncProfileStore
) -> None:
    """Whoever comes meanwhile is seen by the next one."""
    await everybody(shards)
    now = [0.0]
    reader._sample = Sample(reader._link, lambda: now[0])
    assert await named(reader, "crm", "1") == ["crm:2", "crm:3"]
    await fold(shards, [purchase(9, 0, "crm:9", 10)], mentions={9: [TEA, GREEN]})
    assert await named(reader, "crm", "1") == ["crm:2", "crm:3"]
    now[0] = 60.0
    assert sorted(await named(reader, "crm", "1", limit=2)) == ["crm:2", "crm:9"]


async def test_only_visible_identities_are_named(
    shards: RedisShardStore, reader: AsyncProfileStore, server: RedisProcess
) -> None:
    """Others of the same person stay out; who has none that is visible is not named. Sync too."""
    await everybody(shards)
    found = await reader.similar("crm", "1", visible=lambda i: i.startswith(b"web:"))
    assert found is not None
    assert [one.identities for one in found.people] == [(b"web:a",)]
    with ProfileStore(server.url) as store:
        again = store.similar("crm", "1")
    assert again == await reader.similar("crm", "1")
    assert again is not None
    assert again.to_dict()["people"][0]["identities"] == ["crm:2", "web:a"]
