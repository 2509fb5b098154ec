"""The broker goes away and comes back: workers wait, say so, and go on without a restart."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from pathlib import Path
from time import monotonic

import pytest

import streams.worker
from launcher.kafka import KafkaServer
from launcher.ports import free_ports
from runtime_broker import Broker
from shell_cluster import Cluster, complete, until
from shell_planes import MemoryStore
from streams.errors import BrokerUnavailable


@pytest.fixture(autouse=True)
def _real_kafka(kafka: Broker) -> None:
    if kafka.kind != "kafka":
        pytest.skip("no real Kafka here")


@pytest.mark.slow
async def test_broker_away_at_start_and_in_mid_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Started without a broker, killed broker, restarted broker: all records are folded once."""
    monkeypatch.setattr(streams.worker, "_ASK_SECONDS", 1.0)
    caplog.set_level(logging.INFO, "afflux")
    port = free_ports(1)[0]
    cluster = Cluster(f"127.0.0.1:{port}", session_timeout_ms=2_000)
    server = KafkaServer(tmp_path, port=port)
    store = MemoryStore()
    plane = cluster.plane(store)
    async with cluster.worker(plane) as worker:
        await until(lambda: "waits: Kafka at" in caplog.text)
        await server.astart()
        try:
            await until(lambda: "`afflux topics create`" in caplog.text)
            await asyncio.to_thread(cluster.create)
            cluster.produce(1_000)
            await until(lambda: store.count >= 1_000, about=lambda: caplog.text)
            os.kill(server.pid, signal.SIGKILL)
            server.stop()
            killed = monotonic()
            await server.astart()
            assert monotonic() - killed > 2  # a session: the broker forgets its killed self first
            await asyncio.to_thread(cluster.produce, 1_000)
            await until(lambda: store.count >= 2_000, about=lambda: caplog.text)
            assert not worker.task.done()
        finally:
            server.stop()
    assert complete(store.folded) == cluster.expected
    assert "Traceback" not in caplog.text


@pytest.mark.slow
async def test_frozen_broker(caplog: pytest.LogCaptureFixture) -> None:
    """A broker that hangs for longer than the session is waited for; nothing is lost."""
    with KafkaServer() as server:
        cluster = Cluster(server.bootstrap, session_timeout_ms=2_000, request_timeout_ms=2_500)
        cluster.create()
        store = MemoryStore()
        plane = cluster.plane(store)
        async with cluster.worker(plane) as worker:
            cluster.produce(400)
            await until(lambda: store.count >= 400)
            caplog.set_level(logging.ERROR, "aiokafka")
            os.kill(server.pid, signal.SIGSTOP)
            await until(lambda: "Heartbeat session expired" in caplog.text)
            os.kill(server.pid, signal.SIGCONT)
            await asyncio.to_thread(cluster.produce, 400)
            await until(lambda: store.count >= 800)
            assert not worker.task.done()
        assert complete(store.folded) == cluster.expected


async def test_unreachable_broker_is_named_without_secrets() -> None:
    """The error says which broker, and shows no password."""
    cluster = Cluster(
        f"127.0.0.1:{free_ports(1)[0]}",
        security={"protocol": "SASL_PLAINTEXT", "username": "me", "password": "hunter2"},
    )
    cluster.admin._timeout = 0.5
    with pytest.raises(BrokerUnavailable, match=r"Kafka at 127\.0\.0\.1") as caught:
        await asyncio.to_thread(cluster.admin.cluster_id)
    assert "hunter2" not in f"{caught.value} {cluster.settings!r}"
