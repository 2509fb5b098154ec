"""Work that nobody waits for any longer leaves no error behind."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

from streams.abandoned import abandon


async def test_an_abandoned_gathering_says_nothing() -> None:
    """Under way or failed: what was given up is cancelled, and no error is reported later."""
    said: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))

    async def fail() -> None:
        raise ValueError("nobody asks")

    for parts in ([asyncio.sleep(60)], [fail()], [fail(), asyncio.sleep(60)], []):
        work = asyncio.gather(*parts)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        abandon(work)
        while not work.done():
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        del work
    gc.collect()
    assert said == []
