"""Several workers of one group: rebalances, crashes and zombies lose and double nothing."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime_broker import Broker
from shell_cluster import Cluster, complete, until
from shell_planes import MemoryStore, SqliteStore
from shell_process import WorkerProcess


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """A store that worker processes share."""
    made = SqliteStore(tmp_path / "store.db")
    yield made
    made.close()


async def test_two_workers_share_and_hand_over(brokers: Broker) -> None:
    """Co-partitioned topics stay together; a second worker joins and the first one leaves."""
    cluster = Cluster(brokers.bootstrap)
    cluster.create()
    store = MemoryStore()
    first, second = cluster.plane(store, seconds=0.005), cluster.plane(store, seconds=0.005)
    cluster.produce(1_000)
    async with cluster.worker(first, max_records=20) as one:
        await until(lambda: store.count > 0)
        async with cluster.worker(second, max_records=20):
            cluster.produce(3_000)
            await until(lambda: len(first.owned) == 4 and len(second.owned) == 4)
            for plane in (first, second):
                numbers = {n for _, n in plane.owned}
                assert plane.owned == {(t, n) for t in cluster.topics for n in numbers}
            await one.end()
            cluster.produce(1_000)
            await until(lambda: len(second.owned) == 8)
            expected = cluster.expected
            await until(lambda: complete(store.folded) == expected, about=lambda: store.positions)
    assert first.owned == set()
    assert first.revocations >= 2


@pytest.mark.slow
def test_kills_at_random_moments(kafka: Broker, store: SqliteStore, tmp_path: Path) -> None:
    """SIGKILL in mid-batch, again and again: each record is folded once, in order."""
    cluster = Cluster(kafka.bootstrap, session_timeout_ms=2_000, max_records=25)
    cluster.create()
    cluster.produce(12_000)
    chance = random.Random(7)
    for _ in range(4):
        with WorkerProcess(cluster.settings, cluster.topics, tmp_path / "store.db", 0.01) as worker:
            goal = min(11_000, store.count + chance.randrange(300, 1_500))
            _wait(lambda goal=goal: store.count >= goal, worker)
    with WorkerProcess(cluster.settings, cluster.topics, tmp_path / "store.db") as worker:
        _wait(lambda: store.count >= 12_000, worker)
        assert worker.end() == 0
    assert complete(store.folded()) == cluster.expected


@pytest.mark.slow
def test_stopped_worker_loses_its_partitions_and_comes_back(
    kafka: Broker, store: SqliteStore, tmp_path: Path
) -> None:
    """A frozen worker (SIGSTOP) is replaced, then continues as a zombie: nothing is double."""
    cluster = Cluster(kafka.bootstrap, session_timeout_ms=2_000, max_records=25)
    cluster.create()
    cluster.produce(4_000)
    path = tmp_path / "store.db"
    with (
        WorkerProcess(cluster.settings, cluster.topics, path, 0.02) as zombie,
        WorkerProcess(cluster.settings, cluster.topics, path, 0.02) as other,
    ):
        for _ in range(2):
            goal = store.count + 500
            _wait(lambda goal=goal: store.count >= goal, zombie)
            zombie.send(signal.SIGSTOP)
            cluster.produce(1_000)
            _taken_over(store, sum(map(len, cluster.expected.values())))
            zombie.send(signal.SIGCONT)
            cluster.produce(1_000)
        total = sum(map(len, cluster.expected.values()))
        _wait(lambda: store.count >= total, other)
    assert complete(store.folded()) == cluster.expected


@pytest.mark.slow
def test_static_member_keeps_its_partitions(kafka: Broker) -> None:
    """With an instance id a restart within the session timeout moves nothing to others."""
    cluster = Cluster(kafka.bootstrap, session_timeout_ms=15_000)
    cluster.create()
    import asyncio

    async def scene() -> None:
        store = MemoryStore()
        stays, restarts = cluster.plane(store), cluster.plane(store)
        async with cluster.worker(stays, instance_id="a"):
            async with cluster.worker(restarts, instance_id="b") as worker:
                await until(lambda: len(stays.owned) == len(restarts.owned) == 4)
                cluster.produce(400)
                await until(lambda: store.count >= 400)
                before = set(stays.owned)
                await worker.end()
            again = cluster.plane(store)
            async with cluster.worker(again, instance_id="b"):
                cluster.produce(400)
                await until(lambda: store.count >= 800)
                assert len(again.owned) == 4
                assert stays.owned == before
        assert complete(store.folded) == cluster.expected

    asyncio.run(scene())


def _wait(condition: object, worker: WorkerProcess, seconds: float = 60.0) -> None:
    from time import monotonic, sleep

    limit = monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert monotonic() < limit, worker.log
        sleep(0.01)


def _taken_over(store: SqliteStore, total: int) -> None:
    """Until the other worker has folded everything, or what it can: 5 s without any progress.

    The one that is stopped may hold the lock of the store.
    """
    from time import monotonic, sleep

    count, moved = store.count, monotonic()
    while count < total and monotonic() < moved + 5:
        sleep(0.02)
        if store.count != count:
            count, moved = store.count, monotonic()
