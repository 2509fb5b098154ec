"""Dead letters on a broker: original bytes and headers, each once, and back into the topic."""

from __future__ import annotations

import asyncio

import numpy as np

from afflux.codes import Code
from runtime_broker import Broker
from shell_cluster import Cluster, topic
from streams.bad_records import BadRecord
from streams.bulk import BulkProducer
from streams.consume import TopicReader
from streams.dead_letter_codec import DeadLetter
from streams.dead_letters import DeadLetters, read_dead_letters, source_record
from streams.delivery import KafkaDelivery
from streams.metrics import Metrics
from streams.records import RecordBatch


async def test_round_trip(brokers: Broker) -> None:
    """Sent twice, read once; put back, the record is what it was, in its key's partition."""
    cluster = Cluster(brokers.bootstrap)
    cluster.create()
    source = cluster.topics[0]
    dlq = f"{source}.dlq"
    await asyncio.to_thread(cluster.admin.create, 2, [topic(dlq)])
    headers = (("trace", b"\x00\xff"), ("afflux-dlq-code", b"mine"))
    records = RecordBatch(
        topic=source, partition=3, base=10, end=13, epoch=1,
        offsets=np.array([10, 11, 12]), timestamps=np.array([1, 2, 3]),
        keys=[b"crm:1", None, b"crm:3"], values=[b"good", b"\xc3bad", None],
        headers=[(), headers, ()],
    )  # fmt: skip
    bad = [
        BadRecord(11, 3, Code.truncated, "/commerce", "ends too early", "0x00ff"),
        BadRecord(12, 3, Code.no_value, "", "no value", ""),
    ]
    metrics = Metrics()
    delivery = KafkaDelivery(cluster.settings)
    sink = DeadLetters(delivery, metrics)
    for _ in range(2):
        await sink.send(records, bad)
    await sink.send(records, [])
    await delivery.close()

    def read() -> list[DeadLetter]:
        return list(read_dead_letters(cluster.settings, [dlq]))

    letters = {letter.offset: letter for letter in await asyncio.to_thread(read)}
    assert set(letters) == {11, 12}
    first = letters[11]
    assert (first.code, first.pointer, first.message) == (
        Code.truncated,
        "/commerce",
        "ends too early",
    )
    assert (first.topic, first.partition, first.timestamp) == (source, 3, 2)
    assert (first.key, first.value, first.headers) == (None, b"\xc3bad", headers)
    assert letters[12].value is None
    count = {"topic": source, "code": "truncated"}
    assert metrics.registry.get_sample_value("afflux_rejected_total", count) == 2

    back = source_record(first)
    producer = BulkProducer(cluster.settings)
    producer.produce(back.topic, back.key, back.value, back.headers)
    producer.flush()
    with TopicReader(cluster.settings, [source]) as reader:
        (record,) = await asyncio.to_thread(lambda: list(reader.to_end()))
    assert (record.key, record.value, record.headers) == (None, b"\xc3bad", headers)


async def test_foreign_records_are_left_out(brokers: Broker) -> None:
    """Something else in a dead-letter topic does not break the reader."""
    cluster = Cluster(brokers.bootstrap)
    dlq = Broker.unique("x") + ".dlq"
    await asyncio.to_thread(cluster.admin.create, 1, [topic(dlq)])
    producer = BulkProducer(cluster.settings)
    producer.produce(dlq, b"k", b"hello", [("afflux-dlq-code", b"no such code")])
    producer.flush()
    assert await asyncio.to_thread(lambda: list(read_dead_letters(cluster.settings, [dlq]))) == []
