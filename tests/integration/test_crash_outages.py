"""Redis or the broker away: a clear message, nothing lost, the same worker goes on by itself."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from crash_checks import check
from crash_nursery import Life, Nursery, until
from crash_site import Site
from launcher.kafka import KafkaServer
from launcher.ports import free_ports
from runtime_broker import Broker

pytest_plugins = ["crash_fixtures"]


def wait_for_words(life: Life, words: str, times: int = 1) -> None:
    """Until the worker has said so."""
    until(lambda: life.log.count(words) >= times, lambda: life.log[-3000:])


@pytest.mark.slow
def test_redis_away_at_start_and_in_mid_run(site: Site) -> None:
    """Started without Redis; Redis stopped and started again in mid-run; one worker all the way."""
    site.redis.stop()
    site.produce_season(300)
    life = site.start()
    wait_for_words(life, f"Redis at 127.0.0.1:{site.redis.port} cannot be reached")
    wait_for_words(life, "trying again")
    site.redis.start()
    site.connect()
    site.wait_progress(life, 100)
    told = life.log.count("paused")
    site.redis.stop()
    site.produce_season(200)
    wait_for_words(life, "paused", told + 1)
    site.redis.start()
    site.connect()
    site.settle(life)
    assert "resumed after" in life.log
    assert "Traceback" not in life.log
    life.stop()
    site.finish()
    assert check(site).examples > 50


@pytest.mark.slow
def test_redis_that_hangs(site: Site) -> None:
    """Commits without a reply, which may or may not have landed: the position tells."""
    site.produce_season(200)
    life = site.start()
    for n in range(2):
        site.produce_season(150)
        site.wait_progress(life, site.progress() + 30)
        os.kill(site.redis.pid, signal.SIGSTOP)
        wait_for_words(life, "does not answer within", n + 1)
        os.kill(site.redis.pid, signal.SIGCONT)
    site.settle(life)
    assert "Traceback" not in life.log
    life.stop()
    site.finish()
    assert check(site).examples > 50


@pytest.mark.slow
def test_broker_away_at_start_and_in_mid_run(
    kafka: Broker, nursery: Nursery, tmp_path: Path
) -> None:
    """Started without a broker; the broker killed in mid-run and started again."""
    if kafka.kind != "kafka":
        pytest.skip("no real Kafka here: the embedded broker forgets its records when it ends")
    port = free_ports(1)[0]
    server = KafkaServer(tmp_path / "kafka", port=port).start()
    try:
        with Site(Broker("kafka", server.bootstrap), nursery, tmp_path) as site:
            site.produce_season(300)
            server.stop()
            life = site.start(session_timeout_ms=3_000)
            wait_for_words(life, f"Kafka at 127.0.0.1:{port}")
            server.start()
            site.wait_progress(life, 100)
            os.kill(server.pid, signal.SIGKILL)
            server.stop()
            wait_for_words(life, "Kafka takes no messages now")
            server.start()
            site.produce_season(200)
            site.settle(life, 60)
            assert "Traceback" not in life.log
            life.stop()
            site.finish()
            assert check(site).examples > 50
    finally:
        server.stop()
