"""Freshness: from handing an event to the producer until its score can be read from Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

_POLL_S = 0.001
_AT_ONCE = 64


class Probe(NamedTuple):
    """An event whose score is waited for."""

    identity: bytes
    event_id: str
    value: bytes


Send = Callable[[bytes, bytes], Awaitable[object]]
"""Produces (key, value); may return before the acknowledgement."""

Read = Callable[[Sequence[bytes]], Awaitable[Sequence[str | None]]]
"""For each identity the id of the event that its score is as of."""


@dataclass
class Freshness:
    """What was measured: a time for each event, and how many were not seen in time."""

    seconds: list[float] = field(default_factory=list)
    missing: int = 0

    def percentiles(self) -> dict[str, float | None]:
        """Milliseconds at the median, at 95 and at 99 in 100; None without a measurement.

        >>> Freshness([0.010] * 99 + [0.5]).percentiles()
        {'p50': 10.0, 'p95': 10.0, 'p99': 14.9}
        """
        if not self.seconds:
            return dict.fromkeys(("p50", "p95", "p99"))
        found = np.percentile(np.array(self.seconds) * 1000, [50, 95, 99])
        return dict(zip(("p50", "p95", "p99"), np.round(found, 1).tolist(), strict=True))


async def measure(
    probes: Sequence[Probe],
    per_s: float,
    send: Send,
    read: Read,
    *,
    every: int = 1,
    patience_s: float = 10.0,
) -> Freshness:
    """Send the probes at a steady pace and see when every `every`-th can be read.

    Looking at a sample only keeps the reader from competing with the worker. An identity that is
    looked at gets its next event when its last one was seen. After the last event at most
    `patience_s` seconds are waited.
    """
    meter = _Meter(read)
    watching = asyncio.create_task(meter.watch())
    sending: set[asyncio.Future[object]] = set()
    begin = time.perf_counter()
    try:
        async with asyncio.timeout(len(probes) / per_s + patience_s):
            for number, probe in enumerate(probes):
                await _sleep_until(begin + number / per_s)
                await meter.free(probe.identity)
                if number % every == 0:
                    meter.sent(probe)
                task = asyncio.ensure_future(send(probe.identity, probe.value))
                sending.add(task)
                task.add_done_callback(sending.discard)
            await meter.nothing_waits()
    except TimeoutError:
        if watching.done():
            watching.result()
    finally:
        watching.cancel()
        await asyncio.gather(watching, *sending, return_exceptions=True)
    meter.result.missing = -(-len(probes) // every) - len(meter.result.seconds)
    return meter.result


class _Meter:
    def __init__(self, read: Read) -> None:
        self.waiting: dict[bytes, tuple[str, float]] = {}
        self.result = Freshness()
        self._read = read
        self._seen = asyncio.Event()

    def sent(self, probe: Probe) -> None:
        self.waiting[probe.identity] = probe.event_id, time.perf_counter()

    async def free(self, identity: bytes) -> None:
        while identity in self.waiting:
            await self._next()

    async def nothing_waits(self) -> None:
        while self.waiting:
            await self._next()

    async def watch(self) -> None:
        while True:
            some = list(self.waiting)[:_AT_ONCE]
            if some:
                found = await self._read(some)
                now = time.perf_counter()
                for identity, event_id in zip(some, found, strict=True):
                    self._look(identity, event_id, now)
            await asyncio.sleep(_POLL_S)

    def _look(self, identity: bytes, event_id: str | None, now: float) -> None:
        wanted, at = self.waiting[identity]
        if event_id == wanted:
            del self.waiting[identity]
            self.result.seconds.append(now - at)
            self._seen.set()

    async def _next(self) -> None:
        self._seen.clear()
        await self._seen.wait()


async def _sleep_until(moment: float) -> None:
    left = moment - time.perf_counter()
    await asyncio.sleep(max(0.0, left))
