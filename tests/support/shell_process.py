"""A worker of its own process, for tests that kill or stop it: python shell_process.py JSON."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from shell_planes import CountingPlane, SqliteStore
from streams.settings import StreamSettings
from streams.worker import run, run_worker


class WorkerProcess:
    """A worker in a process of its own. Use it with `with`; it is killed at the end."""

    def __init__(
        self, settings: StreamSettings, topics: tuple[str, ...], store: Path, seconds: float = 0.0
    ) -> None:
        self._arguments = json.dumps(
            {
                "settings": settings.model_dump(),
                "topics": topics,
                "store": str(store),
                "seconds": seconds,
            }
        )
        self._log = store.with_name(f"worker-{id(self)}.log")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """What it said."""
        return self._log.read_text()

    def start(self) -> None:
        """Start it; returns at once."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, __file__, self._arguments],
                stdout=log,
                stderr=log,
                env={"PYTHONPATH": ":".join(sys.path)},
            )

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def end(self) -> int:
        """SIGTERM, and its exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(30)

    def __enter__(self) -> WorkerProcess:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


def main(arguments: dict[str, Any]) -> int:
    """The worker."""
    from streams.logs import set_up_logging

    set_up_logging()
    store = SqliteStore(Path(arguments["store"]))
    plane = CountingPlane(store, arguments["topics"], arguments["seconds"])
    return run(run_worker(StreamSettings(**arguments["settings"]), {"enrich": plane}))


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
