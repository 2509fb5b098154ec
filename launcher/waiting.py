"""Waiting for what workers do with a request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

_LOOK_S = 0.1


async def until_done(
    look: Callable[[], Awaitable[dict[str, Any]]], seconds: float
) -> dict[str, Any]:
    """The receipt as soon as it says `done`, or as it is after so many seconds."""
    end = monotonic() + seconds
    while True:
        found = await look()
        if found["state"] == "done" or monotonic() >= end:
            return found
        await asyncio.sleep(_LOOK_S)
