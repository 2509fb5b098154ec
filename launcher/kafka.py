"""A real Apache Kafka (KRaft, one node, broker and controller in one JVM) on loopback."""

from __future__ import annotations

import base64
import subprocess
import uuid
from pathlib import Path

from launcher.errors import StartFailed
from launcher.kafka_jars import KAFKA_VERSION, java, kafka_jars
from launcher.ports import LOOPBACK, choose_port, free_ports, kafka_answers
from launcher.processes import ChildProcess
from launcher.server import Server

_PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={logs}
num.partitions=1
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
num.network.threads=2
num.io.threads=4
num.replica.fetchers=1
log.cleaner.dedupe.buffer.size=4194304
log.message.timestamp.before.max.ms=9223372036854775807
"""

_JVM = (
    "-Xmx512m", "-Xms256m", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
)  # fmt: skip


def new_cluster_id() -> str:
    """A random cluster id in Kafka's form: 22 characters of URL-safe base64."""
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[:22]).startswith("-"):
        continue
    return text


class KafkaServer(Server):
    """Apache Kafka. `bootstrap` is where clients connect.

    run_id: the cluster id of a new data folder; one that was formatted keeps its own.
    Needs Java 17+; the first start on a machine resolves the jars with Maven.
    """

    name = "kafka"
    timeout = 60.0

    def __init__(
        self,
        data_dir: Path | None = None,
        run_id: str | None = None,
        version: str = KAFKA_VERSION,
        port: int | None = None,
    ) -> None:
        super().__init__(data_dir)
        self.run_id = run_id or new_cluster_id()
        self.version = version
        self._port = port
        self.port = port or 0

    @property
    def bootstrap(self) -> str:
        """host:port of the broker."""
        return f"{LOOPBACK}:{self.port}"

    def _prepare(self) -> None:
        self._java = java()
        self._class_path = str(kafka_jars(self.version) / "*")
        if not (self.folder / "logs" / "meta.properties").exists():
            self._write_properties()
            self._format()

    def _write_properties(self) -> Path:
        self.port = choose_port(self._port, self.name)
        controller = free_ports(1)[0]
        path = self.folder / "server.properties"
        path.write_text(
            _PROPERTIES.format(
                host=LOOPBACK, port=self.port, controller=controller, logs=self.folder / "logs"
            )
        )
        return path

    def _format(self) -> None:
        command = [
            self._java, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", self._class_path,
            "kafka.tools.StorageTool", "format", "-t", self.run_id,
            "-c", str(self.folder / "server.properties"),
        ]  # fmt: skip
        done = subprocess.run(
            command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
        )
        if done.returncode != 0:
            raise StartFailed(f"kafka storage could not be formatted: {done.stderr.strip()[-500:]}")

    def _spawn(self) -> ChildProcess:
        properties = self._write_properties()
        argv = [self._java, *_JVM, "-cp", self._class_path, "kafka.Kafka", str(properties)]
        return ChildProcess(argv, self.folder / "server.log", cwd=self.folder)

    def _ready(self) -> bool:
        assert self._process is not None
        started = "Kafka Server started" in self._process.last_words(lines=50)
        return started and kafka_answers(self.port)
