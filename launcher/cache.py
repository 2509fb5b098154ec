"""The user's cache folder, and a lock so that two processes never fill it at once."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # not on Windows: there two runs at once may both do the work
    fcntl = None  # type: ignore[assignment]


def cache_dir() -> Path:
    """`$AFFLUX_CACHE_DIR`, else `$XDG_CACHE_HOME/afflux`, else `~/.cache/afflux`; made if new."""
    own = os.environ.get("AFFLUX_CACHE_DIR")
    base = os.environ.get("XDG_CACHE_HOME")
    path = Path(own) if own else (Path(base) if base else Path.home() / ".cache") / "afflux"
    path.mkdir(parents=True, exist_ok=True)
    return path


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold the lock `name` of the cache; waits while another process holds it."""
    with (cache_dir() / f"{name}.lock").open("w") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
