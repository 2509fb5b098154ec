"""Child processes that never outlive their parent.

Each child runs in its own session, so Ctrl-C reaches it only through us; on Linux the kernel
kills it when the thread that started it is gone (PR_SET_PDEATHSIG). Start children from a
thread that lives as long as they shall.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from launcher.errors import MissingProgram

# A wrapper that execs keeps the pid, and unlike preexec_fn it is safe beside other threads.
_TIE_TO_PARENT = """
import ctypes, os, sys
parent, signo = int(sys.argv[1]), int(sys.argv[2])
ctypes.CDLL(None).prctl(1, signo)
if os.getppid() != parent:
    os._exit(1)
os.execvp(sys.argv[3], sys.argv[3:])
"""

_running: set[ChildProcess] = set()


class ChildProcess:
    """One child process with its output in a file.

    argv: program and arguments. log: file that gets standard output and error (appended).
    death_signal: what the kernel sends when the parent dies (Linux).
    """

    def __init__(
        self,
        argv: Sequence[str],
        log: Path,
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        death_signal: int = signal.SIGKILL,
    ) -> None:
        self.log = log
        command = list(argv)
        if sys.platform == "linux":
            tie = [sys.executable, "-I", "-S", "-c", _TIE_TO_PARENT]
            command = [*tie, str(os.getpid()), str(int(death_signal)), *command]
        with log.open("ab") as out:
            try:
                self._popen = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    env=None if env is None else dict(env),
                    cwd=cwd,
                    start_new_session=True,
                )
            except FileNotFoundError:
                raise MissingProgram(f"cannot run {command[0]}") from None
        _running.add(self)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._popen.pid

    def returncode(self) -> int | None:
        """Exit code, or None while it runs."""
        return self._popen.poll()

    def signal(self, signo: int) -> None:
        """Send a signal if it still runs."""
        if self.returncode() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signo)

    def wait(self, timeout: float | None = None) -> int | None:
        """Exit code, or None if it still runs after `timeout` seconds."""
        try:
            return self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def stop(self, grace: float = 10.0) -> int:
        """Ask it to end, wait `grace` seconds, then kill it. Returns the exit code."""
        if grace > 0:
            self.signal(signal.SIGTERM)
            if self.wait(grace) is None:
                self.signal(signal.SIGKILL)
        else:
            self.signal(signal.SIGKILL)
        code = self._popen.wait()
        _running.discard(self)
        return code

    def last_words(self, lines: int = 5, size: int = 8192) -> str:
        """The end of its output."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, self.log.stat().st_size - size))
                text = file.read().decode("utf-8", "replace")
        except OSError:
            return ""
        return "\n".join([line for line in text.splitlines() if line.strip()][-lines:])


@atexit.register
def _stop_all() -> None:
    for process in list(_running):
        process.stop(grace=0)
