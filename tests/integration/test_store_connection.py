"""The Redis store when the server is away, slow or forgetful."""

from __future__ import annotations

import asyncio

import pytest
import redis

from profile_store.connection import CONNECTIONS
from profile_store.contract import SNAPSHOTS_RECENT, Commit
from profile_store.errors import StoreUnavailable
from profile_store.options import RedisOptions
from store_cases import SHARDS, fence, first, opened, person, position, request, rows, second
from store_redis import RedisProcess

pytest_plugins = ["store_fixtures"]


async def test_a_server_that_comes_later() -> None:
    """While nothing listens the error says where; the same store works once the server is there."""
    process = RedisProcess()
    async with opened(process.url) as store:
        with pytest.raises(StoreUnavailable, match=f"127.0.0.1:{process.port} cannot be reached"):
            await store.positions([0])
        with process:
            assert (await store.commit([first()]))[0].landed


async def test_a_server_that_restarts() -> None:
    """A lost connection is an error of the calls under way, and the next call connects again."""
    with RedisProcess() as process:
        async with opened(process.url) as store:
            await store.commit([first()])
            process.stop()
            with pytest.raises(StoreUnavailable):
                await store.positions([0])
            process.start()
            assert await store.positions([0]) == [b""]
            assert (await store.commit([first()]))[0].landed


async def test_a_server_that_does_not_answer() -> None:
    """A frozen server counts as away after the time limit, and its late replies fool nobody."""
    with RedisProcess() as process:
        async with opened(RedisOptions(process.url, timeout_s=0.2)) as store:
            await store.commit([first(outbox=b"out")])
            process.freeze()
            with pytest.raises(StoreUnavailable, match=r"within 0\.2 s"):
                await store.positions([0])
            process.thaw()
            assert await store.outboxes([0]) == [b"out"]


async def test_a_lost_reply_is_not_sent_again() -> None:
    """A commit whose reply never came may have landed: the caller finds out by the position."""
    with RedisProcess() as process:
        async with opened(RedisOptions(process.url, timeout_s=0.2)) as store:
            await store.positions([0])
            process.freeze()
            with pytest.raises(StoreUnavailable):
                await store.commit([first(fragments=rows([1]))])
            process.thaw()
            # The bytes lay in the socket when the connection was dropped, so the server ran them.
            async with opened(process.url) as other:
                for _ in range(100):
                    (found,) = await other.positions([0])
                    if found:
                        break
                assert found == position(1)
            (result,) = await store.commit([first(fragments=rows([1]))])
            assert (result.landed, result.found) == (False, position(1))


async def test_callers_share_connections(server: RedisProcess, client: redis.Redis) -> None:
    """Many calls at once get their own replies over a few connections, one cancelled or not."""
    async with opened(server.url) as store:
        await store.commit([first(s, fragments=rows([s])) for s in range(SHARDS)])
        async with asyncio.TaskGroup() as group:
            reads = [group.create_task(store.read([request(n % 16, [n % 16])])) for n in range(200)]
            doomed = asyncio.create_task(store.read([request(0, [0])] * 50))
            await asyncio.sleep(0)
            doomed.cancel()
        for n, task in enumerate(reads):
            assert list(task.result()[0].fragments) == [b"%08d" % (n % 16)]
        with pytest.raises(asyncio.CancelledError):
            await doomed
        assert client.info("clients")["connected_clients"] <= CONNECTIONS + 1


async def test_a_forgotten_script_is_sent_again(server: RedisProcess, client: redis.Redis) -> None:
    """After SCRIPT FLUSH a commit and a snapshot land at the first try."""
    async with opened(server.url) as store:
        await store.commit([first()])
        client.script_flush()
        results = await store.commit([second(), first(1)])
        assert [r.landed for r in results] == [True, True]
        client.script_flush()
        await store.put_snapshot("churn", "00ff", b"data")
        assert await store.current_snapshots(["churn"]) == ["00ff"]


async def test_old_snapshots_go(server: RedisProcess, client: redis.Redis) -> None:
    """Only so many snapshots of a model stay; other models are not touched."""
    async with opened(server.url) as store:
        await store.put_snapshot("other", "0", b"kept")
        for n in range(SNAPSHOTS_RECENT + 5):
            await store.put_snapshot("churn", f"{n:x}", b"%d" % n)
        assert await store.snapshot("churn", "4") is None
        assert await store.snapshot("churn", "5") == b"5"
        assert await store.snapshot("other", "0") == b"kept"
        assert client.dbsize() == SNAPSHOTS_RECENT + 3 + 4


async def test_the_fence_of_another_writer(server: RedisProcess, client: redis.Redis) -> None:
    """A zombie with an old fence finds the position of the new owner."""
    async with opened(server.url) as zombie, opened(server.url) as owner:
        await zombie.commit([first()])
        await owner.commit([Commit(0, fence(1), position(2, b"x" * 16), b"", rows([1]))])
        (result,) = await zombie.commit([second(served=[(person(1), b"stale")])])
        assert (result.landed, result.found) == (False, position(2, b"x" * 16))
