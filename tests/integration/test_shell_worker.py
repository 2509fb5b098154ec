"""A worker process as a whole: several planes, and consumers that die."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

import streams.worker
from runtime_broker import Broker
from shell_cluster import Cluster, complete, topic, until
from shell_planes import CountingPlane, MemoryStore
from streams.app import ShellApp, create_app
from streams.bulk import BulkProducer
from streams.worker import run_worker


async def test_two_planes_in_one_process(brokers: Broker) -> None:
    """Each has a group and an assignment of its own; the same partition numbers do not clash."""
    cluster = Cluster(brokers.bootstrap)
    cluster.create()
    examples = Broker.unique("examples")
    await asyncio.to_thread(cluster.admin.create, 1, [topic(examples)])
    enriched, learned = MemoryStore(), MemoryStore()
    planes = {"enrich": cluster.plane(enriched), "learn": CountingPlane(learned, [examples])}
    stop = asyncio.Event()
    worker = asyncio.create_task(run_worker(cluster.settings, planes, stop=stop, signals=False))
    await asyncio.to_thread(cluster.produce, 800)
    producer = BulkProducer(cluster.settings)
    for number in range(300):
        producer.produce(examples, b"churn", b"%d" % number)
    producer.flush()
    await until(lambda: enriched.count >= 800 and learned.count >= 300)
    stop.set()
    assert await asyncio.wait_for(worker, 30) == 0
    assert complete(enriched.folded) == cluster.expected
    assert complete(learned.folded) == {(examples, 0): list(range(300))}
    assert planes["enrich"].closed
    assert planes["learn"].closed


async def test_a_subset_of_the_planes(brokers: Broker) -> None:
    """A worker of only the learn plane reads nothing else."""
    cluster = Cluster(brokers.bootstrap, partitions=1)
    cluster.create()
    await asyncio.to_thread(cluster.produce, 20)
    store = MemoryStore()
    stop = asyncio.Event()
    plane = CountingPlane(store, cluster.topics[:1])
    worker = asyncio.create_task(
        run_worker(cluster.settings, {"learn": plane}, stop=stop, signals=False)
    )
    await until(lambda: store.count >= 10)
    stop.set()
    assert await asyncio.wait_for(worker, 30) == 0
    assert complete(store.folded) == {(cluster.topics[0], 0): list(range(10))}


async def test_another_consumer_when_one_dies(
    kafka: Broker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever ends Faust's app, the worker builds another one and goes on from the store.

    It does so at once: it does not wait for answers of a thread that is gone.
    """
    apps: list[ShellApp] = []

    def remembered(*args: Any, **kwargs: Any) -> ShellApp:
        apps.append(create_app(*args, **kwargs))
        return apps[-1]

    monkeypatch.setattr(streams.worker, "create_app", remembered)
    caplog.set_level(logging.INFO, "afflux")
    cluster = Cluster(kafka.bootstrap)
    cluster.create()
    store = MemoryStore()

    async def break_one() -> None:
        count, before = store.count, len(apps)
        await asyncio.to_thread(cluster.produce, 400)
        await until(lambda: store.count >= count + 400)
        await apps[-1].crash(RuntimeError("the consumer is broken"))
        await until(lambda: len(apps) > before, streams.worker._STOP_SECONDS / 2)

    async with cluster.worker(cluster.plane(store)) as worker:
        for _ in range(5):
            await break_one()
        assert not worker.task.done()
        await asyncio.to_thread(cluster.produce, 400)
        await until(lambda: store.count >= 2_400)
    assert complete(store.folded) == cluster.expected
    assert caplog.text.count("lost its consumer") == 5
