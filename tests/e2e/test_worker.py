"""`afflux worker` by itself: waiting for its servers, refusing a foreign log, ending cleanly."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest

from launcher.embedded import EmbeddedBroker
from launcher.ports import free_ports
from launcher.redis_server import RedisServer
from runtime_cli import afflux, command, environment, until

pytestmark = [pytest.mark.embedded, pytest.mark.slow, pytest.mark.timeout(180)]


class Worker:
    """A worker on these ports, its output in a file."""

    def __init__(self, folder: Path, kafka: int, redis: int) -> None:
        self.env = {
            "AFFLUX_KAFKA_BOOTSTRAP": f"127.0.0.1:{kafka}",
            "AFFLUX_REDIS_URL": f"redis://127.0.0.1:{redis}/0",
            "AFFLUX_SECRET": "a secret of the tests",
            "AFFLUX_KAFKA_SESSION_TIMEOUT_MS": "6000",
            "AFFLUX_REDIS_TIMEOUT_S": "1",
        }
        self._folder = folder
        self._log = folder / "worker.log"
        self.start()

    def start(self) -> None:
        """Start it."""
        with self._log.open("w") as out:
            self.process = subprocess.Popen(
                command("worker"), cwd=self._folder, env=environment(self.env), stdout=out,
                stderr=subprocess.STDOUT,
            )  # fmt: skip

    @property
    def said(self) -> str:
        """Its output."""
        return self._log.read_text()

    def is_healthy(self) -> bool:
        """Whether it has taken over every shard."""
        done = afflux("doctor", "--json", cwd=self._folder, env=self.env)
        return all(f["state"] == "good" for f in json.loads(done.stdout))

    def stop(self, signo: int = signal.SIGTERM) -> int:
        """Its exit code."""
        self.process.send_signal(signo)
        return self.process.wait(30)


def test_a_worker_waits_for_its_servers_and_stops_on_a_log_that_is_not_its_own(
    tmp_path: Path,
) -> None:
    """Redis, then Kafka, then topics come late: it says what it waits for, once each, and goes on.

    SIGTERM ends it with code 0. On a broker that was made anew its positions are foreign: code 3.
    """
    kafka, redis = free_ports(2)
    worker = Worker(tmp_path, kafka, redis)
    try:
        until(lambda: "waiting: Redis" in worker.said)
        with RedisServer(port=redis):
            until(lambda: f"127.0.0.1:{kafka}" in worker.said)
            with EmbeddedBroker(port=kafka):
                until(lambda: "afflux topics create" in worker.said)
                done = afflux("topics", "create", cwd=tmp_path, env=worker.env)
                assert done.stdout.count("created ") == 10
                until(worker.is_healthy, 60)
                assert worker.stop() == 0
                assert worker.said.count("waiting: Redis") == 1
                assert "Traceback" not in worker.said

            with EmbeddedBroker(port=kafka):
                afflux("topics", "create", cwd=tmp_path, env=worker.env)
                worker.start()
                assert worker.process.wait(60) == 3
                assert "another topic" in worker.said
                doctor = afflux("doctor", cwd=tmp_path, env=worker.env)
                assert doctor.returncode == 1
                assert "another topic's log" in doctor.stdout
    finally:
        if worker.process.poll() is None:
            worker.process.kill()
            worker.process.wait()


def test_a_worker_without_a_secret_is_told_what_to_set(tmp_path: Path) -> None:
    """A control record that anyone can forge would delete people: there is no default."""
    env = {"AFFLUX_KAFKA_BOOTSTRAP": "127.0.0.1:9", "AFFLUX_REDIS_URL": "redis://127.0.0.1:9"}
    done = afflux("worker", cwd=tmp_path, env=env)
    assert done.returncode == 1
    assert "AFFLUX_SECRET is not set" in done.stderr
    assert "Traceback" not in done.stderr


def test_commands_without_a_stack_say_what_to_start(tmp_path: Path) -> None:
    """Each command that needs Kafka or Redis names the variable and `afflux up`."""
    for arguments in (
        ["worker"], ["topics", "describe"], ["profile", "get", "a", "1"], ["dlq", "list"],
        ["watch", "scores"], ["audiences", "list"], ["rekey", "other"],
        ["produce", "nothing.jsonl"],
    ):  # fmt: skip
        done = afflux(*arguments, cwd=tmp_path)
        assert done.returncode == 1, arguments
        assert "afflux up" in done.stderr
        assert "Traceback" not in done.stderr
