"""Commits that wait for replicas, and clusters that change."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from profile_store.errors import StoreMisconfigured, StoreUnavailable
from profile_store.keys import Keys
from profile_store.options import Durability, RedisOptions
from store_cases import SHARDS, first, opened, position, rows, second
from store_redis import RedisProcess, in_sync, redis_cluster


@pytest.fixture(scope="module")
def server() -> Iterator[RedisProcess]:
    """One server for the tests that leave it as it is."""
    with RedisProcess() as process:
        yield process


@pytest.fixture
def client(server: RedisProcess) -> Iterator[redis.Redis]:
    """A raw client of the emptied server."""
    with redis.Redis(port=server.port) as client:
        client.flushall()
        yield client


async def test_commits_wait_for_replicas(client: redis.Redis, server: RedisProcess) -> None:
    """With WAIT a commit counts only once the replica has it; a re-read position waits as well."""
    durability = Durability(replicas=1, timeout_ms=200)
    async with opened(RedisOptions(server.url, durability=durability)) as store:
        with pytest.raises(StoreUnavailable, match="0 of 1 replicas"):
            await store.commit([first(fragments=rows([1]))])
        with pytest.raises(StoreUnavailable, match="0 of 1 replicas"):
            await store.positions([0])
        with RedisProcess("--replicaof", "127.0.0.1", str(server.port)) as replica:
            await in_sync(replica)
            assert await store.positions([0]) == [position(1)]
            assert (await store.commit([second()]))[0].landed
            with redis.Redis(port=replica.port) as raw:
                assert raw.get(Keys(SHARDS).position(0)) == position(2)


async def test_waitaof_needs_a_newer_server(client: redis.Redis, server: RedisProcess) -> None:
    """WAITAOF on a server that has none is an error that says so; with one it is a commit."""
    async with opened(RedisOptions(server.url, durability=Durability(fsync=True))) as store:
        version = tuple(int(part) for part in client.info("server")["redis_version"].split("."))
        if version < (7, 2):
            with pytest.raises(StoreMisconfigured, match="too old"):
                await store.commit([first()])
            return
        with pytest.raises(StoreMisconfigured, match="append-only"):
            await store.commit([first()])


async def test_a_cluster_that_moves_a_slot() -> None:
    """A commit that meets a moved slot fails, writes nothing, and finds the new node next time."""
    with redis_cluster() as nodes:
        async with opened(RedisOptions(nodes[0].url, cluster=True)) as store:
            await store.commit([first(s) for s in range(SHARDS)])
            slot, source, target = Keys(SHARDS).slot(1), nodes[0], nodes[2]
            _move_slot(slot, source, target)
            with pytest.raises(StoreUnavailable, match="given the slot to another node"):
                await store.commit([second(1, fragments=rows([5]))])
            assert await store.positions([1]) == [position(1)]
            assert (await store.commit([second(1, fragments=rows([5]))]))[0].landed


def _move_slot(slot: int, source: RedisProcess, target: RedisProcess) -> None:
    with redis.Redis(port=source.port) as a, redis.Redis(port=target.port) as b:
        names = [bytes(c.execute_command("CLUSTER", "MYID")).decode() for c in (a, b)]
        b.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", names[0])
        a.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", names[1])
        for key in a.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 100):
            a.execute_command("MIGRATE", "127.0.0.1", target.port, key, 0, 5000)
        for c in (b, a):
            c.execute_command("CLUSTER", "SETSLOT", slot, "NODE", names[1])


async def test_a_cluster_that_loses_a_node() -> None:
    """Shards of the other masters can be read; those of the lost one are out of reach."""
    with redis_cluster() as nodes:
        for node in nodes:
            with redis.Redis(port=node.port) as client:
                client.config_set("cluster-require-full-coverage", "no")
        async with opened(RedisOptions(nodes[0].url, cluster=True)) as store:
            await store.commit([first(s) for s in range(SHARDS)])
            nodes[1].stop()
            with pytest.raises(StoreUnavailable):
                await store.positions(range(SHARDS))
            assert await store.positions([0, SHARDS - 1]) == [position(1)] * 2


async def test_cluster_settings_that_do_not_fit(server: RedisProcess) -> None:
    """One server taken for a cluster, and a cluster taken for one server, are told apart."""
    async with opened(RedisOptions(server.url, cluster=True)) as store:
        with pytest.raises(StoreMisconfigured, match="not a node of a cluster"):
            await store.positions([0])
    with redis_cluster() as nodes:
        async with opened(nodes[0].url) as store:
            with pytest.raises(StoreMisconfigured, match="node of a cluster"):
                await store.positions(range(SHARDS))
