"""Fixtures of the reader's tests: one server a module, an installation, a reader of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import redis

from core_cases import CATALOG
from profile_store import AsyncProfileStore
from profile_store.installation import Installation, ensure_installation
from profile_store.redis_store import RedisShardStore
from store_people import PARTITIONS, SHARDS
from store_redis import RedisProcess


@pytest.fixture(scope="module")
def server() -> Iterator[RedisProcess]:
    """One server for the module."""
    with RedisProcess() as process:
        yield process


@pytest.fixture
def raw(server: RedisProcess) -> Iterator[redis.Redis]:
    """A raw client of the emptied server."""
    with redis.Redis(port=server.port) as client:
        client.flushall()
        yield client


@pytest.fixture
async def shards(server: RedisProcess, raw: redis.Redis) -> AsyncIterator[RedisShardStore]:
    """A writer on an installation that is set up and empty."""
    store = RedisShardStore(server.url, SHARDS)
    await ensure_installation(store, Installation.of(CATALOG, SHARDS, PARTITIONS))
    yield store
    await store.close()


@pytest.fixture
async def reader(server: RedisProcess, shards: RedisShardStore) -> AsyncIterator[AsyncProfileStore]:
    """A reader of it."""
    async with AsyncProfileStore(server.url) as store:
        yield store
