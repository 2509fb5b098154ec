"""The `afflux` command as a person runs it: a process of its own, in a folder of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without settings of its own, so that nothing leaks in."""
    clean = {n: v for n, v in os.environ.items() if not n.startswith("AFFLUX_")}
    clean["PYTHONPATH"] = str(ROOT)
    clean["COLUMNS"] = "160"  # a wide terminal, in which names in tables stay whole
    if "AFFLUX_CACHE_DIR" in os.environ:
        clean["AFFLUX_CACHE_DIR"] = os.environ["AFFLUX_CACHE_DIR"]
    return {**clean, **(extra or {})}


def command(*arguments: str) -> list[str]:
    """The command line of `afflux`."""
    return [sys.executable, "-m", "launcher.cli", *arguments]


def afflux(
    *arguments: str,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    timeout: float = 90,
) -> subprocess.CompletedProcess[str]:
    """Run `afflux` to its end; output as text."""
    return subprocess.run(
        command(*arguments), cwd=cwd, env=environment(env), input=stdin, capture_output=True,
        text=True, timeout=timeout, check=False,
    )  # fmt: skip


def _hear_ctrl_c() -> None:
    """As in a terminal: a shell starts what runs in its background with SIGINT ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Up:
    """`afflux up` in a folder: a context manager; `pids` are its servers and workers."""

    def __init__(self, folder: Path, *arguments: str, env: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self._process = subprocess.Popen(
            command("up", *arguments), cwd=folder, env=environment(env),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            preexec_fn=_hear_ctrl_c,
        )  # fmt: skip
        self.said: list[str] = []

    def wait_ready(self, seconds: float = 60) -> Self:
        """Until `afflux doctor` says that all shards are taken over."""
        end = time.monotonic() + seconds
        while True:
            done = afflux("doctor", "--json", cwd=self.folder)
            if done.returncode == 0 and all(f["state"] == "good" for f in json.loads(done.stdout)):
                return self
            if self._process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"not up: {done.stdout} {done.stderr} {self.rest()}")

    @property
    def pids(self) -> list[int]:
        """Processes that it has started."""
        import psutil

        return [p.pid for p in psutil.Process(self._process.pid).children(recursive=True)]

    def stop(self, signo: int = signal.SIGINT) -> int:
        """End it with a signal; the exit code."""
        if self._process.poll() is None:
            self._process.send_signal(signo)
        code = self._process.wait(30)
        self.rest()
        return code

    def rest(self) -> str:
        """All that it has printed; waits for its end."""
        if self._process.poll() is None:
            self._process.kill()
        if self._process.stdout is not None and not self._process.stdout.closed:
            self.said.append(self._process.stdout.read())
            self._process.stdout.close()
        return "".join(self.said)

    def __enter__(self) -> Self:
        return self.wait_ready()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def until(look: Any, seconds: float = 30.0) -> Any:
    """What `look` returns as soon as it is true; AssertionError if it never is."""
    end = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > end:
            raise AssertionError(f"not in {seconds} s: {look}")
    return found


def gone(pid: int) -> bool:
    """Whether a process has ended."""
    import psutil

    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
