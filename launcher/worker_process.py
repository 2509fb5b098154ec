"""Workers as child processes: `afflux worker` on a stack, measured from outside."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from launcher.connect import EMBEDDED_SESSION_MS
from launcher.errors import StartFailed
from launcher.processes import ChildProcess
from launcher.stack import Stack


@dataclass(frozen=True)
class Usage:
    """What a worker has used: CPU seconds (user and system), and resident memory in bytes now."""

    cpu_s: float
    rss: int


def stack_environment(stack: Stack, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment in which every `afflux` command uses this stack."""
    session = {"AFFLUX_KAFKA_SESSION_TIMEOUT_MS": str(EMBEDDED_SESSION_MS)}
    return {
        **(session if stack.kind == "embedded" else {}),
        **os.environ,
        "AFFLUX_DATA_DIR": str(stack.folder),
        "AFFLUX_KAFKA_BOOTSTRAP": stack.running.bootstrap,
        "AFFLUX_REDIS_URL": stack.running.redis_url,
        "AFFLUX_PARTITIONS": str(stack.partitions),
        "AFFLUX_SECRET": stack.secret,
        **(extra or {}),
    }


class WorkerProcess:
    """A running `afflux worker`, or another command of ours that stays."""

    def __init__(self, env: Mapping[str, str], log: Path, command: str = "worker") -> None:
        argv = [sys.executable, "-m", "launcher.cli", command]
        self._command = command
        self._child = ChildProcess(argv, log, env=env)
        self._peak = 0
        self._last = Usage(0.0, 0)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._child.pid

    @property
    def log(self) -> Path:
        """File with what it prints."""
        return self._child.log

    def usage(self) -> Usage:
        """What it and its children have used so far; the last known figures once it has ended."""
        try:
            process = psutil.Process(self.pid)
            family = [process, *process.children(recursive=True)]
            times = [p.cpu_times() for p in family]
            rss = sum(p.memory_info().rss for p in family)
        except psutil.Error:
            return self._last
        cpu = sum(t.user + t.system + t.children_user + t.children_system for t in times)
        self._last = Usage(cpu, rss)
        return self._last

    def check(self) -> None:
        """Raise StartFailed with its last words if it has ended."""
        code = self._child.returncode()
        if code is not None:
            last = self._child.last_words() or "no output"
            raise StartFailed(f"the {self._command} ended with code {code}: {last}")

    def stop(self, grace: float = 20.0) -> int:
        """Clean shutdown. Returns the exit code."""
        return self._child.stop(grace)
