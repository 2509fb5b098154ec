"""Each kind of store, empty: fixtures of the contract suites of shard stores."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator

import pytest
import redis

from store_cases import Harness, memory_harness, redis_harness
from store_cluster import masters
from store_redis import RedisProcess


@pytest.fixture(scope="module")
def shard_server() -> Iterator[list[RedisProcess]]:
    """One server for all tests of the module, each finds it empty."""
    with RedisProcess() as process:
        yield [process]


@pytest.fixture(scope="module")
def shard_cluster() -> Iterator[list[RedisProcess]]:
    """Masters of a cluster for all tests of the module, each finds them empty."""
    with masters() as nodes:
        yield nodes


@pytest.fixture(params=["memory", "redis", "cluster"])
async def harness(request: pytest.FixtureRequest) -> AsyncIterator[Harness]:
    """Each kind of store, empty."""
    if request.param == "memory":
        yield memory_harness()
        return
    nodes: list[RedisProcess] = request.getfixturevalue(
        "shard_server" if request.param == "redis" else "shard_cluster"
    )
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(redis.Redis(port=node.port)) for node in nodes]
        harness = redis_harness(nodes[0].url, clients, cluster=request.param == "cluster")
        yield harness
        await harness.store.close()
        await harness.other.close()
