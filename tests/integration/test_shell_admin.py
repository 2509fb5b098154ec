"""Topics as the broker has them, and readers that know where a log ends."""

from __future__ import annotations

import asyncio
from time import monotonic

import pytest

from runtime_broker import Broker
from shell_cluster import Cluster, topic, until
from shell_planes import MemoryStore
from streams.admin import Lag
from streams.bulk import BulkProducer
from streams.consume import Record, TopicReader
from streams.errors import TopicsUnfit
from streams.topics import TOPICS, Topic
from streams.worker import check_topics


@pytest.fixture
def cluster(brokers: Broker) -> Cluster:
    """Fresh topics on either broker."""
    made = Cluster(brokers.bootstrap)
    made.create()
    return made


def test_creates_what_is_missing(cluster: Cluster) -> None:
    """Topics of the table are made once, with their policies; one-partition topics keep one."""
    names = [Broker.unique(t.name) for t in TOPICS]
    mine = [
        Topic(n, t.key, t.values, t.cleanup, "", "", t.partitions, t.log_append_time)
        for n, t in zip(names, TOPICS, strict=True)
    ]
    assert sorted(cluster.admin.create(3, mine)) == sorted(names)
    assert cluster.admin.create(3, mine) == []
    states = cluster.admin.describe([*names, Broker.unique()], configs=True)
    assert set(states) == set(names)
    for wanted in mine:
        state = states[wanted.name]
        assert state.partitions == (wanted.partitions or 3)
        assert state.replicas == 1
        assert state.configs["cleanup.policy"] == wanted.cleanup
        if wanted.log_append_time:
            assert state.configs["message.timestamp.type"] == "LogAppendTime"


def test_topic_ids_tell_topics_apart(cluster: Cluster) -> None:
    """16 bytes that stay the same, and differ between topics."""
    first = cluster.admin.describe(cluster.topics)
    again = cluster.admin.describe(cluster.topics)
    ids = [state.topic_id for state in first.values()]
    assert first == again
    assert len(set(ids)) == 2
    assert {len(topic_id) for topic_id in ids} == {16}


def test_log_ranges_after_several_batches(cluster: Cluster) -> None:
    """The end is the offset that the next record gets, however the records were batched."""
    for count in (100, 1, 37):
        cluster.produce(count)
    ranges = cluster.admin.log_ranges(cluster.topics)
    assert {tp: log.start for tp, log in ranges.items()} == dict.fromkeys(ranges, 0)
    assert {tp: log.end for tp, log in ranges.items()} == {
        tp: len(offsets) for tp, offsets in cluster.expected.items()
    }


async def test_lag_of_a_group(cluster: Cluster) -> None:
    """What a worker has not folded yet; everything for a group that never committed."""
    cluster.produce(80)
    group = cluster.settings.group_of("enrich")
    lag = await asyncio.to_thread(cluster.admin.lag, group, cluster.topics)
    assert set(lag.values()) == {Lag(None, 10)}
    store = MemoryStore()
    async with cluster.worker(cluster.plane(store)):
        await until(lambda: store.count >= 80)
    cluster.produce(8)
    lag = await asyncio.to_thread(cluster.admin.lag, group, cluster.topics)
    assert set(lag.values()) == {Lag(10, 11)}
    assert {behind.records for behind in lag.values()} == {1}


def test_unfit_topics_are_refused(cluster: Cluster) -> None:
    """Missing topics and other numbers of partitions are told with what resolves them."""
    other = Broker.unique("other")
    cluster.admin.create(3, [topic(other)])
    assert check_topics(cluster.admin, cluster.topics) == 4
    with pytest.raises(TopicsUnfit, match="afflux topics create"):
        check_topics(cluster.admin, [*cluster.topics, Broker.unique()])
    with pytest.raises(TopicsUnfit, match=f"{other} has 3 partitions"):
        check_topics(cluster.admin, [cluster.topics[0], other])


def test_reader_ends_at_the_high_watermark(cluster: Cluster) -> None:
    """`to_end` gives all that was there when the reader was made, and nothing later."""
    cluster.produce(101)
    with TopicReader(cluster.settings, cluster.topics) as reader:
        cluster.produce(8)
        assert len(list(reader.to_end())) == 101


def test_reader_from_the_end_sees_only_what_is_new(cluster: Cluster) -> None:
    """A watcher starts after the last record, also where ListOffsets lies about it."""
    cluster.produce(50)
    with TopicReader(cluster.settings, cluster.topics, "end") as reader:
        assert list(reader.to_end()) == []
        cluster.produce(8)
        seen: list[Record] = []
        while len(seen) < 8:
            seen += reader.read()
    assert sorted(int((r.value or b"").split()[0]) for r in seen) == list(range(50, 58))


def test_a_read_does_not_wait_for_more(cluster: Cluster) -> None:
    """Records are returned when they are there, long before the time limit is up."""
    cluster.produce(8)
    with TopicReader(cluster.settings, cluster.topics) as reader:
        begin, seen = monotonic(), 0
        while seen < 8:
            seen += len(reader.read(60.0))
    assert monotonic() - begin < 30


def test_reader_from_given_offsets(cluster: Cluster) -> None:
    """Partitions that are not named start at the beginning."""
    cluster.produce(80)
    with TopicReader(cluster.settings, cluster.topics, {(cluster.topics[0], 1): 7}) as reader:
        records = list(reader.to_end())
    assert len(records) == 73
    of_named = [r.offset for r in records if (r.topic, r.partition) == (cluster.topics[0], 1)]
    assert of_named == [7, 8, 9]


def test_reader_of_an_empty_topic_ends(cluster: Cluster) -> None:
    """Nothing to read is no reason to wait."""
    with TopicReader(cluster.settings, cluster.topics) as reader:
        assert list(reader.to_end()) == []


def test_bulk_headers_survive(cluster: Cluster) -> None:
    """A None key and a None value come back as None, not as empty."""
    producer = BulkProducer(cluster.settings)
    producer.produce(cluster.topics[0], None, None)
    producer.produce(cluster.topics[0], b"", b"")
    producer.flush()
    with TopicReader(cluster.settings, cluster.topics) as reader:
        pairs = [(r.key, r.value) for r in reader.to_end()]
    assert sorted(pairs, key=repr) == [(None, None), (b"", b"")] or sorted(pairs, key=repr) == [
        (b"", b""),
        (None, None),
    ]
