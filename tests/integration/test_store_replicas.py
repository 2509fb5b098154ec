"""Commits that wait for replicas, and clusters that change."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
import redis

from profile_store.errors import StoreMisconfigured, StoreUnavailable
from profile_store.keys import Keys
from profile_store.options import Durability, RedisOptions
from store_cases import SHARDS, first, opened, position, rows, second
from store_redis import RedisProcess, in_sync, redis_cluster, settled

pytest_plugins = ["store_fixtures"]


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
            client.set("marker", b"")
            assert client.wait(1, 10_000) == 1  # up to a second until the stream flows
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
    """A commit that meets a moved slot lands at once on the new node, as does the next one."""
    with redis_cluster() as nodes:
        async with opened(RedisOptions(nodes[0].url, cluster=True)) as store:
            await store.commit([first(s) for s in range(SHARDS)])
            slot, source, target = Keys(SHARDS).slot(1), nodes[0], nodes[2]
            _move_slot(slot, source, target)
            assert (await store.commit([second(1, fragments=rows([5]))]))[0].landed
            assert await store.positions([1]) == [position(2)]
            (result,) = await store.commit([second(1)])
            assert (result.landed, result.found) == (False, position(2))


async def test_a_durable_commit_that_meets_a_moved_slot() -> None:
    """A commit that is to be waited for is waited for where it lands, and lands once."""
    options = RedisOptions(durability=Durability(replicas=1, timeout_ms=100), cluster=True)
    with redis_cluster() as nodes:
        async with opened(RedisOptions(nodes[0].url, cluster=True)) as store:
            await store.commit([first(s) for s in range(SHARDS)])
        async with opened(replace(options, url=nodes[0].url)) as store:
            assert await store.outboxes([1]) == [b""]
            _move_slot(Keys(SHARDS).slot(1), nodes[0], nodes[2])
            # No node has a replica here: what is checked is which error comes, and what is written.
            with pytest.raises(StoreUnavailable, match="0 of 1 replicas"):
                await store.commit([second(1)])
            async with opened(RedisOptions(nodes[2].url, cluster=True)) as other:
                assert await other.positions([1]) == [position(2)]


async def test_a_cluster_in_the_middle_of_a_move() -> None:
    """While a slot is half moved reads and commits of its shard work or say so; then all work."""
    with redis_cluster() as nodes:
        async with opened(RedisOptions(nodes[0].url, cluster=True)) as store:
            await store.commit([first(s, fragments=rows(range(20))) for s in range(SHARDS)])
            slot, source, target = Keys(SHARDS).slot(1), nodes[0], nodes[2]
            moved = _begin_move(slot, source, target)
            _move_keys(slot, source, target, 10)
            with pytest.raises(StoreUnavailable, match="moving the slot"):
                await store.commit([second(1, fragments=rows(range(20)))])
            _move_keys(slot, source, target, 100)
            _end_move(slot, source, target, moved)
            assert await store.positions([1]) == [position(1)]
            assert (await store.commit([second(1, fragments=rows(range(20)))]))[0].landed


async def test_a_cluster_node_that_restarts() -> None:
    """Calls at once over several connections, then a restart: one call fails, the next works."""
    with redis_cluster() as nodes:
        async with opened(RedisOptions(nodes[0].url, cluster=True)) as store:
            await store.commit([first(s) for s in range(SHARDS)])
            await asyncio.gather(*(store.positions([0, SHARDS - 1]) for _ in range(30)))
            nodes[2].stop()
            with pytest.raises(StoreUnavailable):
                await store.positions(range(SHARDS))
            nodes[2].start()
            with redis.Redis(port=nodes[2].port) as client:
                for _ in range(1000):
                    if settled(client.execute_command("CLUSTER", "INFO"), len(nodes)):
                        break
                    await asyncio.sleep(0.01)
            assert len(await store.positions(range(SHARDS))) == SHARDS


async def test_a_frozen_cluster_node() -> None:
    """A node that does not answer is an error after the time limit, and works when it is back."""
    with redis_cluster() as nodes:
        options = RedisOptions(nodes[0].url, cluster=True, timeout_s=0.3)
        async with opened(options) as store:
            await store.commit([first(s) for s in range(SHARDS)])
            nodes[1].freeze()
            try:
                with pytest.raises(StoreUnavailable, match=r"within 0\.3 s"):
                    await store.positions(range(SHARDS))
            finally:
                nodes[1].thaw()
            assert await store.positions(range(SHARDS)) == [position(1)] * SHARDS


async def test_a_cluster_node_that_may_evict() -> None:
    """Every node is looked at before it is written to, not only the one of the URL."""
    with redis_cluster() as nodes:
        with redis.Redis(port=nodes[2].port) as client:
            client.config_set("maxmemory-policy", "allkeys-lru")
        async with opened(RedisOptions(nodes[0].url, cluster=True)) as store:
            with pytest.raises(StoreMisconfigured, match=f"{nodes[2].port} has maxmemory-policy"):
                await store.commit([first(s) for s in range(SHARDS)])
            with redis.Redis(port=nodes[2].port) as client:
                assert client.dbsize() == 0


def _move_slot(slot: int, source: RedisProcess, target: RedisProcess) -> None:
    new_owner = _begin_move(slot, source, target)
    _move_keys(slot, source, target, 100)
    _end_move(slot, source, target, new_owner)


def _begin_move(slot: int, source: RedisProcess, target: RedisProcess) -> str:
    """The name of the new owner."""
    with redis.Redis(port=source.port) as a, redis.Redis(port=target.port) as b:
        names = [bytes(c.execute_command("CLUSTER", "MYID")).decode() for c in (a, b)]
        b.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", names[0])
        a.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", names[1])
        return names[1]


def _move_keys(slot: int, source: RedisProcess, target: RedisProcess, count: int) -> None:
    with redis.Redis(port=source.port) as a:
        for key in a.execute_command("CLUSTER", "GETKEYSINSLOT", slot, count):
            a.execute_command("MIGRATE", "127.0.0.1", target.port, key, 0, 5000)


def _end_move(slot: int, source: RedisProcess, target: RedisProcess, new_owner: str) -> None:
    with redis.Redis(port=source.port) as a, redis.Redis(port=target.port) as b:
        for c in (b, a):
            c.execute_command("CLUSTER", "SETSLOT", slot, "NODE", new_owner)


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
