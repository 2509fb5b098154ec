"""Python's cycle collector, on our schedule.

A batch makes tens of thousands of short-lived tuples and no cycles; counting allocations, the
collector would look at all of them again and again (measured: 22 % of the CPU of an event). So
what is there after the start is frozen, and the rest is collected by time: what is new every
second, which takes no time to speak of, all of it every few minutes, which holds up everything.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_SECONDS = 1.0
_MIDDLE, _ALL = 10, 300
"""Every so many times the survivors of the last ones are collected too, and everything."""


@asynccontextmanager
async def collected_now_and_then(seconds: float = _SECONDS) -> AsyncIterator[None]:
    """Within it, new garbage with cycles is collected every so many seconds only."""
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
    for time in itertools.count(1):
        await asyncio.sleep(seconds)
        gc.collect(2 if time % _ALL == 0 else 1 if time % _MIDDLE == 0 else 0)
