"""The topic of score updates read for the hub, on real brokers: followed, replayed, waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.cursors import Cursor
from gateway.score_hub import LoggedUpdate, ScoreHub
from gateway.score_log import KafkaScoreLog
from gateway_rig import score_update
from runtime_broker import Broker
from streams.admin import Admin
from streams.bulk import BulkProducer
from streams.message_writer import writer
from streams.settings import StreamSettings
from streams.topics import Topic

pytestmark = pytest.mark.timeout(120)


class Followed:
    """A hub that follows a topic, and what produces to it."""

    def __init__(self, broker: Broker) -> None:
        self.settings = StreamSettings(brokers=broker.bootstrap)
        self.topic = Broker.unique("scores")
        self.hub = ScoreHub(1000, 10)
        self.log = KafkaScoreLog(self.settings, self.topic)

    def create(self) -> None:
        """The topic, with two partitions."""
        Admin(self.settings).create(2, [Topic(self.topic, "", (), "compact", "", "")])

    def produce(self, partition: int, *offsets: int, junk: bool = False) -> None:
        """Updates with these positions, acknowledged."""
        producer = BulkProducer(self.settings)
        rows = [score_update(positionOffset=offset) for offset in offsets]
        codec = writer("ScoreUpdate")
        for value in codec.write(codec.columns(rows)):
            producer.produce(self.topic, b"crm:1", value, partition=partition)
        if junk:
            producer.produce(self.topic, b"crm:1", b"junk", partition=partition)
            producer.produce(self.topic, b"crm:1", None, partition=partition)
        producer.flush(30)

    async def known(self) -> Cursor:
        """The end, as soon as the hub knows the log."""
        async with asyncio.timeout(60):
            while self.hub.end is None:
                await asyncio.sleep(0.01)
        return self.hub.end

    async def replayed(self, start: Cursor, end: Cursor) -> list[LoggedUpdate]:
        """All between two places."""
        return [u async for some in self.log.replay(start, end) for u in some]


@pytest.fixture
async def followed(brokers: Broker) -> AsyncIterator[Followed]:
    """One on each kind of broker; the topic is not there yet."""
    made = Followed(brokers)
    yield made
    await made.log.close()


def positions(updates: list[LoggedUpdate]) -> list[int]:
    """Of the updates, in order."""
    return [one.update["positionOffset"] for one in updates]


async def test_what_is_new_comes_and_what_was_missed_is_replayed(followed: Followed) -> None:
    """From the end on live; from any earlier place by a replay up to the same place; no junk."""
    await asyncio.to_thread(followed.create)
    await asyncio.to_thread(followed.produce, 0, 1, 2, 3)
    followed.log.follow(followed.hub)
    end = await followed.known()
    assert end.offsets == (3, 0)
    subscriber = followed.hub.subscribe()
    await asyncio.to_thread(followed.produce, 0, 4, junk=True)
    await asyncio.to_thread(followed.produce, 1, 5)
    live: list[LoggedUpdate] = []
    async with asyncio.timeout(60):
        while len(live) < 2:
            live += await subscriber.take(1)
    assert sorted(positions(live)) == [4, 5]
    begin = Cursor(end.log, (1, 0))
    assert positions(await followed.replayed(begin, subscriber.start)) == [2, 3]
    now = followed.hub.end
    assert now is not None
    assert begin.is_within(now)
    assert sorted(positions(await followed.replayed(begin, now))) == [2, 3, 4, 5]
    assert await followed.replayed(now, now) == []


async def test_a_topic_that_is_not_there_yet_is_waited_for(followed: Followed) -> None:
    """The gateway may start first; it says nothing wrong until then."""
    followed.log.follow(followed.hub)
    assert followed.hub.end is None
    await asyncio.to_thread(followed.create)
    assert (await followed.known()).offsets == (0, 0)
