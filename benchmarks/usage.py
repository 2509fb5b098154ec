"""What processes use: CPU seconds and resident memory, seen from outside."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds (user and system) so far, resident bytes now, of a process and its children."""

    cpu_s: float
    rss: int


def usage(pid: int) -> Usage:
    """What a process and its children use. Raises psutil.NoSuchProcess when it has ended."""
    root = psutil.Process(pid)
    cpu, rss = 0.0, 0
    for process in [root, *root.children(recursive=True)]:
        times = process.cpu_times()
        cpu += times.user + times.system + times.children_user + times.children_system
        rss += process.memory_info().rss
    return Usage(cpu, rss)


class PeakMemory:
    """The largest resident memory of a process and its children while the block runs."""

    def __init__(self, pid: int, every_s: float = 0.1) -> None:
        self._pid = pid
        self._every = every_s
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.bytes = 0

    def _watch(self) -> None:
        while True:
            try:
                self.bytes = max(self.bytes, usage(self._pid).rss)
            except psutil.Error:
                return
            if self._end.wait(self._every):
                return

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._end.set()
        self._thread.join()
