"""Who may read and how: threads, users, clusters, nothing there."""

from __future__ import annotations

import subprocess
import sys
import threading
from itertools import pairwise

import pytest
import redis

from afflux.names import Identity
from core_cases import CATALOG
from profile_store import (
    AsyncProfileStore,
    ProfileStore,
    RedisOptions,
    StoreUnavailable,
)
from profile_store.installation import Installation, ensure_installation
from profile_store.keys import Keys
from profile_store.redis_store import RedisShardStore
from store_people import (
    NOON,
    PARTITIONS,
    SHARDS,
    fold,
    known,
    link,
    purchase,
    tombstone,
    write,
)
from store_redis import RedisProcess, redis_cluster, redis_version

pytest_plugins = ["store_reading"]


async def test_unknown_and_deleted_people_are_none(
    shards: RedisShardStore, reader: AsyncProfileStore
) -> None:
    """Nobody is there where nothing is known, or only that somebody was deleted."""
    await fold(shards, [purchase(1, 0, "crm:1", 30)])
    await write(shards, fragments={Identity(b"crm:2"): tombstone()})
    found = await reader.get_many([("crm", "3"), ("crm", "1"), ("crm", "2"), ("crm", "1")])
    assert [p is None for p in found] == [True, False, True, False]
    assert await reader.get_many([]) == []


@pytest.mark.parametrize(
    ("namespace", "id"), [("", "1"), ("1a", "1"), ("a:b", "1"), ("crm", ""), ("crm", "x" * 513)]
)
async def test_impossible_identities(reader: AsyncProfileStore, namespace: str, id: str) -> None:
    """What cannot be an identity is an error of the caller, not a missing person."""
    with pytest.raises(ValueError, match=r"namespace|bytes"):
        await reader.get(namespace, id)


async def test_readers_without_an_event_loop(shards: RedisShardStore, server: RedisProcess) -> None:
    """`ProfileStore` works beside a running loop, from many threads, and again after a close."""
    await fold(shards, [purchase(n, 0, f"crm:{n}", n) for n in range(1, 9)])
    found: dict[int, float] = {}

    with ProfileStore(server.url) as store:

        def read(n: int) -> None:
            profile = store.get("crm", str(n))
            assert profile is not None
            assert profile.engagement is not None
            found[n] = profile.engagement.revenue

        threads = [threading.Thread(target=read, args=(n,)) for n in range(1, 9)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        many = store.get_many([("crm", "1"), ("crm", "none")], fields=["engagement"])
        assert [p is None for p in many] == [False, True]
        assert store.installation().partitions == PARTITIONS
        store.close()
        assert store.get("crm", "1") is not None
    assert found == {n: float(n) for n in range(1, 9)}
    assert not [t for t in threading.enumerate() if t.name == "afflux-profile-store"]


def test_nothing_listens() -> None:
    """Without a server both readers say where they looked."""
    process = RedisProcess()
    with (
        ProfileStore(process.url) as store,
        pytest.raises(StoreUnavailable, match=str(process.port)),
    ):
        store.get("crm", "1")


async def test_a_reader_needs_no_right_to_write(
    shards: RedisShardStore, server: RedisProcess, raw: redis.Redis
) -> None:
    """An ACL user that may only read strings reads profiles."""
    # Rights to read keys without writing them came with Redis 7; before, the commands decide.
    pattern = "%R~*" if redis_version() >= (7, 0) else "*"
    raw.acl_setuser("viewer", enabled=True, passwords=["+look"], keys=[pattern],
                    commands=["+get", "+mget"])  # fmt: skip
    await fold(shards, [purchase(1, 0, "crm:1", 30)])
    options = RedisOptions(server.url, username="viewer", password="look")
    async with AsyncProfileStore(options) as reader:
        assert (await known(reader, "crm", "1")).as_of == NOON


async def test_reading_from_a_cluster() -> None:
    """Shards on three masters, links between them, the record on one of them."""
    with redis_cluster() as nodes:
        options = RedisOptions(nodes[0].url, cluster=True)
        store = RedisShardStore(options, SHARDS)
        await ensure_installation(store, Installation.of(CATALOG, SHARDS, PARTITIONS))
        people = [f"device:{n}" for n in range(30)]
        await fold(store, [purchase(n, 0, who, 1) for n, who in enumerate(people)])
        await link(store, *pairwise(people))
        async with AsyncProfileStore(options) as reader:
            profile = await known(reader, "device", "17")
            assert set(profile.identities) == {who.encode() for who in people}
        await store.close()
        sizes = []
        for node in nodes:
            with redis.Redis(port=node.port) as client:
                sizes.append(client.dbsize())
        assert min(sizes) > 5


def test_keys_do_not_depend_on_the_reader() -> None:
    """The reader finds rows under the same names that the writer uses, for odd ids too."""
    odd = Identity("crm:ä b".encode())
    assert Keys(SHARDS).served(3, [odd])[0].endswith(b"crm:%C3%A4%20b")


def test_importing_it_is_light() -> None:
    """Reading needs neither Kafka, Arrow, River nor Faust."""
    code = (
        "import sys, profile_store;"
        "heavy = {'faust', 'river', 'confluent_kafka', 'pyarrow', 'fastavro', 'pydantic'};"
        "print(*heavy & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("", "")
