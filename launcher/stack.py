"""A broker and a Redis that belong together: one data folder, one run id.

An embedded broker keeps nothing, so its Redis keeps nothing either. A real Kafka and its Redis
both keep their data in the folder; a folder whose two halves come from different runs is refused,
for positions of one log say nothing about another.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, Self

from launcher.embedded import EmbeddedBroker
from launcher.errors import LauncherError
from launcher.kafka import KafkaServer, new_cluster_id
from launcher.redis_server import RedisServer

RUN_FILE = "run.json"
_RUN_ID = "run-id"
_SECRET = "control-secret"

Kind = Literal["embedded", "kafka"]


@dataclass(frozen=True)
class Running:
    """Where the stack of a data folder answers; what `run.json` says."""

    pid: int
    """The process that started it and ends it."""
    broker: Kind
    bootstrap: str
    redis_url: str
    partitions: int

    def alive(self) -> bool:
        """Whether that process is still there."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True


def find_running(folder: Path) -> Running | None:
    """The stack that runs from this data folder, if one does."""
    try:
        running = Running(**json.loads((folder / RUN_FILE).read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return running if running.alive() else None


def control_secret(folder: Path, create: bool = False) -> str:
    """The key of the folder's control records; "" where there is none and `create` is off."""
    path = folder / _SECRET
    with contextlib.suppress(FileNotFoundError):
        return path.read_text().strip()
    if not create:
        return ""
    folder.mkdir(parents=True, exist_ok=True)
    value = secrets.token_hex(32)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(value)
    return value


class Stack:
    """Broker and Redis, usable with `with` and `async with`.

    folder: the data folder, where other commands look for `run.json`. keep_data: Kafka and Redis
    keep theirs in it over restarts (real Kafka only). kafka_port, redis_port: None for free ones.
    """

    def __init__(
        self,
        folder: Path,
        kind: Kind = "embedded",
        *,
        partitions: int = 4,
        keep_data: bool = False,
        kafka_port: int | None = None,
        redis_port: int | None = None,
    ) -> None:
        self.folder = folder.resolve()
        self.kind = kind
        self.partitions = partitions
        self._keep = keep_data and kind == "kafka"
        self._ports = kafka_port, redis_port
        self._context = contextlib.ExitStack()
        self.broker: EmbeddedBroker | KafkaServer
        self.redis: RedisServer
        self.running: Running

    def start(self) -> Self:
        """Start both. Raises LauncherError."""
        try:
            self._build()
            self._context.enter_context(self.redis)
            self._context.enter_context(self.broker)
            self._publish()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop both; in an embedded run nothing stays but an empty folder."""
        self._context.close()

    def _build(self) -> None:
        other = find_running(self.folder)
        if other is not None:
            raise LauncherError(
                f"a stack already runs from {self.folder} (process {other.pid})",
                hint="use it, or stop that process, or choose another AFFLUX_DATA_DIR",
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        home = self.folder
        if not self._keep:
            home = Path(self._context.enter_context(tempfile.TemporaryDirectory(prefix="afflux-")))
        run_id = _one_run(home) if self._keep else new_cluster_id()
        self.secret = control_secret(self.folder, create=True)
        kafka_port, redis_port = self._ports
        kafka_home, redis_home = home / "kafka", home / "redis"
        self.redis = RedisServer(
            redis_home if self._keep else None,
            persist="append" if self._keep else "no",
            port=redis_port,
        )
        if self.kind == "kafka":
            self.broker = KafkaServer(
                kafka_home if self._keep else None, run_id=run_id, port=kafka_port
            )
        else:
            self.broker = EmbeddedBroker(run_id=run_id, port=kafka_port)

    def _publish(self) -> None:
        self.running = Running(
            os.getpid(), self.kind, self.broker.bootstrap, self.redis.url, self.partitions
        )
        path = self.folder / RUN_FILE
        part = path.with_suffix(".part")
        part.write_text(json.dumps(asdict(self.running), indent=2) + "\n")
        part.replace(path)
        self._context.callback(path.unlink, missing_ok=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()


def _one_run(folder: Path) -> str:
    """The run id of both halves of a kept folder, a new one for a new folder."""
    halves = [folder / "kafka" / _RUN_ID, folder / "redis" / _RUN_ID]
    found = [path.read_text().strip() if path.exists() else "" for path in halves]
    if found[0] != found[1]:
        raise LauncherError(
            f"Kafka and Redis in {folder} come from different runs: "
            f"{found[0] or 'none'} and {found[1] or 'none'}",
            hint="restore the missing half from the same backup, or start with an empty folder",
        )
    run_id = found[0] or new_cluster_id()
    for path in halves:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(run_id + "\n")
    return run_id
