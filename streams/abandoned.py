"""Work that nobody waits for any longer."""

from __future__ import annotations

import asyncio
from typing import Any


def abandon(work: asyncio.Future[Any]) -> None:
    """Cancel it if it is not done, and take its error: else asyncio says that nobody did."""
    work.add_done_callback(_take_error)
    work.cancel()


def _take_error(work: asyncio.Future[Any]) -> None:
    if not work.cancelled():
        work.exception()
