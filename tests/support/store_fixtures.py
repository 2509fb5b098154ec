"""A Redis server of a test module, and a client of it once it is emptied."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from store_redis import RedisProcess


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
