"""The cycle collector works on the worker's schedule, and on Python's again afterwards."""

from __future__ import annotations

import asyncio
import gc
import weakref

from streams.garbage import collected_now_and_then


class Knot:
    """Refers to itself: only the cycle collector frees it."""

    def __init__(self) -> None:
        self.me = self


async def test_cycles_are_collected_by_time() -> None:
    """Automatic collection is off, yet a cycle goes when its time has come."""
    async with collected_now_and_then(seconds=0.01):
        assert not gc.isenabled()
        gone = asyncio.Event()
        knot = Knot()
        weakref.finalize(knot, gone.set)
        del knot
        await asyncio.wait_for(gone.wait(), 10)
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
