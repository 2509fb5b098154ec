"""SIGTERM ends a command as Ctrl-C does: every `with` on the way out is left properly."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

TERMINATED = 143


@contextlib.contextmanager
def orderly_end() -> Iterator[None]:
    """Within it SIGTERM raises SystemExit in the main thread."""
    before = signal.signal(signal.SIGTERM, _raise)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _raise(signo: int, frame: FrameType | None) -> None:
    raise SystemExit(TERMINATED)
