"""What the servers that we start have in common: a folder, a process, a wait, a clean end."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Self

from launcher.errors import StartFailed
from launcher.processes import ChildProcess

POLL = 0.02
"""Seconds between two looks at a starting server."""


class Server(ABC):
    """A server process on loopback, usable with `with` and `async with`.

    data_dir: where its files go and stay. None: a temporary folder that goes with the server,
    and then the server is killed instead of asked to save.
    """

    name = "server"
    timeout = 30.0
    """Seconds until it must answer."""
    tries = 3
    """A port that was free may be taken before the server binds it."""

    def __init__(self, data_dir: Path | None = None) -> None:
        self._kept = data_dir
        self._process: ChildProcess | None = None
        self.folder = Path()

    @abstractmethod
    def _prepare(self) -> None:
        """What may take long before the process starts (downloads, formatting)."""

    @abstractmethod
    def _spawn(self) -> ChildProcess:
        """Choose ports, write the configuration into `folder`, start the process."""

    @abstractmethod
    def _ready(self) -> bool:
        """Whether it does its work now."""

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        assert self._process is not None, f"{self.name} is not running"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.returncode() is None

    def start(self) -> Self:
        """Start it and wait until it answers. Raises LauncherError."""
        self._open_folder()
        try:
            self._prepare()
            for last in self._attempts():
                self._process = self._spawn()
                if self._wait(last):
                    break
        except BaseException:
            self.stop()
            raise
        return self

    async def astart(self) -> Self:
        """`start` that leaves the event loop free while it waits."""
        self._open_folder()
        try:
            await asyncio.to_thread(self._prepare)
            for last in self._attempts():
                # The kernel ties the child to the thread that starts it: this one.
                self._process = self._spawn()
                if await asyncio.to_thread(self._wait, last):
                    break
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End the process and remove a temporary folder. May be called twice."""
        if self._process is not None:
            self._process.stop(grace=0 if self._kept is None else 20)
            self._process = None
        if self._kept is None and self.folder != Path():
            shutil.rmtree(self.folder, ignore_errors=True)

    def _open_folder(self) -> None:
        if self._kept is None:
            self.folder = Path(tempfile.mkdtemp(prefix=f"afflux-{self.name}-"))
        else:
            self.folder = self._kept
            self.folder.mkdir(parents=True, exist_ok=True)

    def _attempts(self) -> list[bool]:
        return [number + 1 == self.tries for number in range(self.tries)]

    def _wait(self, last: bool) -> bool:
        process = self._process
        assert process is not None
        deadline = time.monotonic() + self.timeout
        while True:
            ended = process.returncode()
            # The order matters: another program may answer on a port that ours could not get.
            if ended is None and self._ready() and process.returncode() is None:
                return True
            late = time.monotonic() > deadline
            if ended is None and not late:
                time.sleep(POLL)
                continue
            process.stop(grace=0)
            if ended is not None and not last:
                return False
            why = f"ended with code {ended}" if ended is not None else "did not answer in time"
            raise StartFailed(
                f"{self.name} {why}: {process.last_words() or 'no output'}",
                hint=f"its output was in {process.log}",
            )

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return await self.astart()

    async def __aexit__(self, *exc: object) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(asyncio.to_thread(self.stop))
