"""Producing: acknowledged offsets, Kafka's own partitioner, waiting through an outage."""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
from time import perf_counter

import pytest

from afflux.shards import murmur2
from launcher.kafka import KafkaServer
from runtime_broker import Broker
from shell_cluster import Cluster, topic
from streams.bulk import BulkProducer
from streams.consume import TopicReader
from streams.delivery import DeliveryClosed, KafkaDelivery
from streams.errors import BrokerUnavailable, MessageRefused
from streams.ports import Message


@pytest.fixture
def cluster(brokers: Broker) -> Cluster:
    """Fresh topics on either broker."""
    made = Cluster(brokers.bootstrap)
    made.create()
    return made


async def test_a_send_says_where_each_partition_goes_on(cluster: Cluster) -> None:
    """The offset after the last message, per topic partition; nothing for nothing."""
    delivery = KafkaDelivery(cluster.settings)
    name = cluster.topics[0]
    first = await delivery.send([Message(name, b"k", b"%d" % n, n % 4) for n in range(40)])
    second = await delivery.send([Message(name, None, None, 0)])
    await delivery.close()
    assert first == {(name, n): 10 for n in range(4)}
    assert second == {(name, 0): 11}
    assert await delivery.send([]) == {}


async def test_what_was_sent_is_what_is_read(cluster: Cluster) -> None:
    """Key, value and headers arrive as they were, and murmur2 of the key is the partition."""
    delivery = KafkaDelivery(cluster.settings)
    keys = [f"crm:{n}".encode() for n in range(50)]
    headers = (("a", b"1"), ("a", b"2"), ("b", b""))
    await delivery.send([Message(cluster.topics[0], k, b"v" + k, None, headers) for k in keys])
    await delivery.close()
    with TopicReader(cluster.settings, cluster.topics[:1]) as reader:
        read = {r.key: r for r in await asyncio.to_thread(lambda: list(reader.to_end()))}
    assert set(read) == set(keys)
    for key, partition in zip(keys, (murmur2(keys) % 4).tolist(), strict=True):
        record = read[key]
        assert (record.value, record.headers) == (b"v" + key, headers)
        assert record.partition == partition


async def test_small_sends_are_quick_and_large_ones_cheap(cluster: Cluster) -> None:
    """One message takes milliseconds; ten thousand take far less than a millisecond each."""
    delivery = KafkaDelivery(cluster.settings)
    name = cluster.topics[0]
    await delivery.send([Message(name, b"warm", b"up")])
    ones = []
    for _ in range(20):
        began = perf_counter()
        await delivery.send([Message(name, b"k", b"v" * 200)])
        ones.append(perf_counter() - began)
    began = perf_counter()
    await delivery.send([Message(name, b"%d" % n, b"v" * 200) for n in range(10_000)])
    many = (perf_counter() - began) / 10_000
    await delivery.close()
    assert statistics.median(ones) < 0.05, ones
    assert many < 0.001


async def test_too_large_a_message_is_an_error(kafka: Broker) -> None:
    """A message that the broker refuses for good fails the send instead of waiting for ever."""
    cluster = Cluster(kafka.bootstrap)
    cluster.create()
    delivery = KafkaDelivery(cluster.settings)
    for size in (1_500_000, 9_000_000):
        with pytest.raises(MessageRefused, match=cluster.topics[0]):
            await delivery.send([Message(cluster.topics[0], b"k", os.urandom(size), 1)])
    name = cluster.topics[0]
    assert await delivery.send([Message(name, b"k", b"v", 0)]) == {(name, 0): 1}
    await delivery.close()


async def test_messages_wait_through_an_outage() -> None:
    """While the broker hangs a send waits; when it is back it is acknowledged, once."""
    with KafkaServer() as server:
        cluster = Cluster(server.bootstrap)
        cluster.create()
        delivery = KafkaDelivery(cluster.settings)
        name = cluster.topics[0]
        await delivery.send([Message(name, b"k", b"before", 0)])
        os.kill(server.pid, signal.SIGSTOP)
        sending = asyncio.create_task(
            delivery.send([Message(name, b"k", b"%d" % n, 0) for n in range(100)])
        )
        done, _ = await asyncio.wait({sending}, timeout=3)
        assert not done
        os.kill(server.pid, signal.SIGCONT)
        assert await asyncio.wait_for(sending, 30) == {(name, 0): 101}
        await delivery.close()


async def test_closing_ends_what_waits() -> None:
    """Close does not hang on a broker that is away: what is not acknowledged fails."""
    cluster = Cluster("127.0.0.1:9")
    delivery = KafkaDelivery(cluster.settings)
    sending = asyncio.create_task(delivery.send([Message("t", b"k", b"v")]))
    await asyncio.sleep(0.05)
    await delivery.close()
    with pytest.raises(BrokerUnavailable):
        await sending
    with pytest.raises(DeliveryClosed):
        await delivery.send([Message("t", b"k", b"v")])


def test_bulk_producer_holds_back_instead_of_failing(cluster: Cluster) -> None:
    """A buffer smaller than the load blocks the caller; all messages arrive, with timestamps."""
    name = Broker.unique("plain")
    cluster.admin.create(1, [topic(name)])
    producer = BulkProducer(cluster.settings, buffered=100)
    for number in range(2_000):
        producer.produce(name, b"k", b"%d" % number, [("n", b"1")], timestamp=1_500_000_000_000)
    assert producer.flush() == 0
    assert (producer.delivered, producer.pending) == (2_000, 0)
    with TopicReader(cluster.settings, [name]) as reader:
        values = [record.value for record in reader.to_end()]
    assert values == [b"%d" % number for number in range(2_000)]
