"""aiokafka's pauses, which `streams.fetching.pace` shortens: what they do, and that it helps."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.consumer.fetcher import Fetcher  # type: ignore[import-untyped]
from aiokafka.consumer.subscription_state import (  # type: ignore[import-untyped]
    SubscriptionState,
)
from aiokafka.structs import TopicPartition  # type: ignore[import-untyped]

from streams.fetching import pace

FOR_EVER = 3600.0


class Node:
    """The only broker: answers a request when the test says so."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._metadata_max_age_ms = 300_000
        self.cluster = SimpleNamespace(leader_for_partition=lambda tp: 0)
        self.asked: asyncio.Queue[asyncio.Future[Any]] = asyncio.Queue()

    async def send(self, node_id: int, request: Any) -> Any:
        """A fetch."""
        answer = asyncio.get_running_loop().create_future()
        self.asked.put_nowait(answer)
        return await answer


async def race(node: Node, fetcher: Any) -> None:
    """A response and the reading of records come in the same turn of the loop."""
    first = await node.asked.get()
    fetcher._notify(fetcher._wait_consume_future)
    first.set_result(SimpleNamespace(API_VERSION=4, topics=[]))


@pytest.fixture
async def parts() -> Any:
    """A node, and a fetcher of one partition that by itself pauses for ever."""
    subscriptions, tp = SubscriptionState(), TopicPartition("events", 0)
    subscriptions.assign_from_user([tp])
    subscriptions.subscription.assignment.state_value(tp).reset_to(0)
    node = Node()
    fetcher = Fetcher(node, subscriptions, fetcher_timeout=FOR_EVER)
    yield node, fetcher
    fetcher._fetch_task.cancel()


async def test_a_fetcher_that_lost_the_race_fetches_on(parts: Any) -> None:
    """With the pace set, the next request is sent although aiokafka missed the wake-up."""
    node, fetcher = parts
    pace(fetcher, 0.01)
    await race(node, fetcher)
    await asyncio.wait_for(node.asked.get(), 30)


async def test_without_the_pace_the_race_is_lost(parts: Any) -> None:
    """The reason for the pace is there: when this fails, aiokafka is mended and it can go."""
    node, fetcher = parts
    await race(node, fetcher)
    for _ in range(1000):
        await asyncio.sleep(0)
    assert node.asked.empty()
