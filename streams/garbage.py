"""Python's cycle collector, on our schedule.

A batch makes tens of thousands of short-lived tuples and no cycles; counting allocations, the
collector would look at all of them again and again (measured: 22 % of the CPU of an event). So
what is there after the start is frozen, and the rest is collected once in a while.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_SECONDS = 10.0


@asynccontextmanager
async def collected_now_and_then(seconds: float = _SECONDS) -> AsyncIterator[None]:
    """Within it, garbage with cycles is collected every so many seconds only."""
    gc.collect()
    gc.freeze()
    gc.disable()
    task = asyncio.create_task(_collect(seconds))
    try:
        yield
    finally:
        task.cancel()
        gc.enable()
        gc.unfreeze()


async def _collect(seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        gc.collect()
