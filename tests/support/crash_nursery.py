"""Workers in processes of their own, started quickly by a nursery: see `crash_worker`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from typing import IO

import crash_worker
from crash_worker import AT_REST, Job


def until(condition: Callable[[], bool], about: Callable[[], object], seconds: float = 40) -> None:
    """Wait for a condition, looking often; fails after `seconds` and says what `about` knows."""
    limit = monotonic() + seconds
    while not condition():
        if monotonic() > limit:
            raise AssertionError(f"not within {seconds:g} s: {about()}")
        sleep(0.005)


class Life:
    """One worker process."""

    def __init__(self, pid: int, job: Job, ended: dict[int, int]) -> None:
        self.pid, self.job, self._ended = pid, job, ended
        self.signalled = 0

    @property
    def code(self) -> int | None:
        """Exit code, minus the signal that ended it, None while it lives."""
        return self._ended.get(self.pid)

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self.code is None

    @property
    def log(self) -> str:
        """What it said, and the lives before it with the same log."""
        path = Path(self.job.log)
        return path.read_text() if path.exists() else ""

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self.alive, f"worker {self.pid} ended with {self.code}: {self.log[-3000:]}"
        os.kill(self.pid, number)

    def what_it_awaits(self) -> str:
        """Its log with the places where its tasks are, for a test that waits in vain."""
        self.send(signal.SIGUSR1)
        sleep(0.5)
        return f"worker {self.pid}:\n{self.log[-6000:]}"

    def rest(self) -> None:
        """Wait until it has announced everything and corrected what it announced too late."""
        before = self.log.count(AT_REST)

        def rests() -> bool:
            if self.alive:
                self.send(signal.SIGUSR2)
                sleep(0.05)
            return not self.alive or self.log.count(AT_REST) > before

        until(rests, self.what_it_awaits)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.send(signal.SIGKILL)
        self.wait()

    def wait(self, seconds: float = 30) -> int:
        """Wait for its end; the exit code."""
        until(lambda: not self.alive, lambda: f"worker {self.pid}: {self.log[-3000:]}", seconds)
        assert self.code is not None
        return self.code

    def stop(self) -> None:
        """SIGTERM; it must end cleanly."""
        self.send(signal.SIGTERM)
        assert self.wait() == 0, f"ended with {self.code}: {self.log[-3000:]}"


class Nursery:
    """A context manager that starts workers; those that still live are killed at its end."""

    def __enter__(self) -> Nursery:
        self._process = subprocess.Popen(
            [sys.executable, crash_worker.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in: IO[bytes] = self._process.stdin
        self._out: IO[bytes] = self._process.stdout
        self._ended: dict[int, int] = {}
        self._started: list[int] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def start(self, job: Job) -> Life:
        """A new worker."""
        before = len(self._started)
        self._in.write(job.line().encode() + b"\n")
        self._in.flush()
        until(lambda: len(self._started) > before, lambda: "no worker was started")
        return Life(self._started[before], job, self._ended)

    def _read(self) -> None:
        for line in self._out:
            word, *numbers = line.decode().split()
            if word == "started":
                self._started.append(int(numbers[0]))
            else:
                self._ended[int(numbers[0])] = int(numbers[1])

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._in.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(5)
        self._out.close()
