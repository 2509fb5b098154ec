"""The shell on both brokers: each record once and in order, whatever plane and store do."""

from __future__ import annotations

import asyncio
import itertools
import logging
import statistics
from time import perf_counter

import pytest
from confluent_kafka import Producer

from runtime_broker import Broker
from shell_cluster import Cluster, complete, until
from shell_planes import MemoryStore, StoppingPlane
from streams.metrics import Metrics
from streams.ports import Rewind, StopPartition


@pytest.fixture
def cluster(kafka: Broker) -> Cluster:
    """Fresh topics."""
    return _cluster(kafka)


@pytest.fixture
def either(brokers: Broker) -> Cluster:
    """Fresh topics on either broker."""
    return _cluster(brokers)


def _cluster(broker: Broker) -> Cluster:
    made = Cluster(broker.bootstrap)
    made.create()
    return made


async def test_folds_each_record_once_and_in_order(either: Cluster) -> None:
    """Two topics of four partitions: what was folded is what was produced, in log order."""
    either.produce(10_000)
    store = MemoryStore()
    plane = either.plane(store)
    async with either.worker(plane) as worker:
        await until(lambda: store.count >= 10_000, about=lambda: store.count)
        either.produce(500)
        await until(lambda: store.count >= 10_500, about=lambda: store.count)
        assert await worker.end() == 0
    assert complete(store.folded) == either.expected
    assert plane.closed
    assert plane.owned == set()
    lag = await asyncio.to_thread(
        either.admin.lag, either.settings.group_of("enrich"), either.topics
    )
    assert {behind.records for behind in lag.values()} == {0}


async def test_goes_on_where_the_store_says(either: Cluster) -> None:
    """A second worker starts at the store's positions, not at Kafka's committed offsets."""
    either.produce(2_000)
    store = MemoryStore()
    async with either.worker(either.plane(store)):
        await until(lambda: store.count >= 2_000)
    for tp in either.expected:
        store.restore(tp, 100)
    async with either.worker(either.plane(store)):
        await until(lambda: store.count >= 2_000)
    assert complete(store.folded) == either.expected


async def test_older_store_under_a_busy_worker(cluster: Cluster) -> None:
    """Positions that move back under the reader are followed: nothing is missing or double."""
    store = MemoryStore()
    plane = cluster.plane(store, seconds=0.002)
    cluster.produce(100)
    async with cluster.worker(plane, max_records=50):
        await until(lambda: store.count >= 100)
        for _ in range(5):
            cluster.produce(2_000)
            for tp in list(store.positions):
                store.restore(tp, store.positions[tp] // 2)
            await asyncio.sleep(0.05)
        expected = cluster.expected
        await until(lambda: complete(store.folded) == expected, about=lambda: store.positions)
    assert plane.rewinds > 0


async def test_older_store_under_an_idle_worker(cluster: Cluster) -> None:
    """A tick that asks for a rewind gets it, without any new record."""
    cluster.produce(800)
    store = MemoryStore()
    async with cluster.worker(cluster.plane(store)):
        await until(lambda: store.count >= 800)
        for tp in list(store.positions):
            store.restore(tp, 10)
        await until(lambda: complete(store.folded) == cluster.expected)


async def test_store_away_at_start_and_later(
    either: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    """Partitions pause, the worker says so once, and goes on by itself; nothing is lost."""
    caplog.set_level(logging.INFO, "afflux")
    either.produce(1_000)
    store = MemoryStore()
    store.away = True
    plane = either.plane(store)
    async with either.worker(plane) as worker:
        await until(lambda: "paused" in caplog.text)
        store.away = False
        await until(lambda: store.count >= 1_000, about=lambda: caplog.text)
        caplog.clear()
        store.away = True
        either.produce(1_000)
        await until(lambda: "paused" in caplog.text)
        assert store.count == 1_000
        store.away = False
        await until(lambda: store.count >= 2_000, about=lambda: caplog.text)
        assert caplog.text.count("paused: connection refused") <= either.partitions
        assert "resumed after" in caplog.text
        assert not worker.task.done()
    assert complete(store.folded) == either.expected


async def test_rewind_from_process_reads_again(cluster: Cluster) -> None:
    """Rewinds that the plane asks for out of the blue cost nothing but time."""
    store = MemoryStore()
    plane = cluster.plane(store)
    tp = (cluster.topics[0], 1)
    async with cluster.worker(plane, max_records=20):
        cluster.produce(400)
        await until(lambda: store.count >= 400)
        plane.failures = [Rewind({tp: store.positions[tp]}, "out of the blue")] * 4
        cluster.produce(400)
        await until(lambda: complete(store.folded) == cluster.expected)


async def test_unexpected_errors_lose_nothing(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    """A plane that fails a few times is asked again, and no record is skipped."""
    store = MemoryStore()
    plane = cluster.plane(store)
    plane.failures = [ValueError("a bug"), KeyError("another")]
    cluster.produce(400)
    async with cluster.worker(plane):
        await until(lambda: store.count >= 400)
    assert complete(store.folded) == cluster.expected
    assert "a bug" in caplog.text


async def test_too_many_unexpected_errors_stop_the_worker(cluster: Cluster) -> None:
    """Exit code 1, and the position stays before the record that nobody can fold."""
    store = MemoryStore()
    plane = cluster.plane(store)
    plane.failures = [ValueError("always") for _ in range(100)]
    cluster.produce(100)
    async with cluster.worker(plane, max_failures=2, backoff_ms=10) as worker:
        async with asyncio.timeout(30):
            assert await worker.task == 1
    assert store.count == 0
    assert plane.closed


async def test_refused_partition_stops_the_worker(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    """StopPartition ends the worker with code 3 and one message that says why."""
    plane = StoppingPlane(MemoryStore(), cluster.topics)
    async with cluster.worker(plane) as worker:
        async with asyncio.timeout(30):
            assert await worker.task == 3
    assert caplog.text.count("positions of another log; run `afflux doctor`") == 1
    assert "Traceback" not in caplog.text


async def test_stop_from_process(cluster: Cluster) -> None:
    """StopPartition from a batch ends the worker with code 3 as well."""
    store = MemoryStore()
    plane = cluster.plane(store)
    plane.failures = [StopPartition("too many bad records")]
    cluster.produce(100)
    async with cluster.worker(plane) as worker:
        async with asyncio.timeout(30):
            assert await worker.task == 3


async def test_position_outside_of_the_log(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    """A store that is ahead of the log is not followed silently to another offset."""
    cluster.produce(80)
    store = MemoryStore()
    store.positions[(cluster.topics[0], 2)] = 11
    async with cluster.worker(cluster.plane(store)) as worker:
        async with asyncio.timeout(30):
            assert await worker.task == 3
    assert "position 11 is outside of the log (0 to 10)" in caplog.text


async def test_latency_at_ten_events_a_second(either: Cluster) -> None:
    """Under low load a record is folded a few milliseconds after it was produced.

    What every record waited for would show in the quickest quarter as well; the others may have
    waited for a busy machine.
    """
    store = MemoryStore()
    producer = Producer({"bootstrap.servers": either.bootstrap, "linger.ms": 0})
    took = []
    async with either.worker(either.plane(store)):
        either.produce(8)
        await until(lambda: store.count >= 8)
        for number in range(40):
            before, began = store.count, perf_counter()
            producer.produce(either.topics[0], b"v", partition=number % 4)
            producer.poll(0)
            while store.count == before:
                await asyncio.sleep(0.0005)
            took.append(perf_counter() - began)
            await asyncio.sleep(0.1)
        producer.flush(5)
    assert statistics.quantiles(took)[0] < 0.03, sorted(took)


async def test_throughput(cluster: Cluster) -> None:
    """The shell itself costs little: far more than 20,000 records a second, in its best moment."""
    cluster.produce(60_000)
    store, metrics = MemoryStore(), Metrics()
    plane = cluster.plane(store)
    seen = [(0.0, 0)]

    def all_folded() -> bool:
        if store.count > seen[-1][1]:
            seen.append((perf_counter(), store.count))
        return store.count >= 60_000

    async with cluster.worker(plane, metrics):
        await until(all_folded)
    pairs = itertools.combinations(seen[1:], 2)
    rates = [(m - n) / (end - began) for (began, n), (end, m) in pairs if m - n >= 10_000]
    assert max(rates) > 20_000
    assert max(plane.batches) <= cluster.settings.max_records
    folded = metrics.registry.get_sample_value(
        "afflux_records_total", {"plane": "enrich", "topic": cluster.topics[0]}
    )
    assert folded == 30_000
