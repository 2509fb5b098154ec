"""A replay through a running worker, watched until every record is accounted for."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from launcher.demo.counters import add_up
from launcher.demo.feed import Feed
from launcher.demo.model_quality import Qualities
from launcher.demo.progress import Display, Moment
from launcher.demo.result import Counts
from launcher.errors import LauncherError
from launcher.worker_process import WorkerProcess
from profile_store.redis_store import RedisShardStore

_LOOK_S = 0.1
_RATE_OVER_S = 3.0
STALLED_S = 60.0


@dataclass
class Watched:
    """What to look at while records flow."""

    worker: WorkerProcess
    store: RedisShardStore
    shards: int
    qualities: Qualities

    async def counts(self) -> Counts:
        """The counters of all shards now."""
        return add_up(await self.store.positions(range(self.shards)))

    async def ready(self, patience_s: float = 60.0) -> None:
        """Until the worker has taken over every shard. Raises LauncherError."""
        end = time.monotonic() + patience_s
        while not all(await self.store.positions(range(self.shards))):
            self.worker.check()
            if time.monotonic() > end:
                raise LauncherError(
                    f"the worker did not take over its shards in {patience_s:.0f} s",
                    hint=f"its log is {self.worker.log}",
                )
            await asyncio.sleep(_LOOK_S)


@dataclass(frozen=True)
class Measured:
    """What a replay took."""

    seconds: float
    cpu_s: float
    rss: int
    """Largest resident memory of the worker that was seen, bytes."""
    counts: Counts


async def replay_through(
    watched: Watched,
    feed: Feed,
    total: int,
    display: Display,
    clock: Callable[[], float] = time.monotonic,
) -> Measured:
    """Start the feed and wait until all its records are folded.

    Raises LauncherError when the worker ends, or nothing is folded for a minute although
    records wait.
    """
    before = watched.worker.usage()
    begin = progress = clock()
    rate = Rate()
    peak, folded = before.rss, -1
    feed.start()
    with display:
        while True:
            watched.worker.check()
            done = feed.done
            counts = await watched.counts()
            now = clock()
            if counts.folded != folded:
                progress, folded = now, counts.folded
            usage = watched.worker.usage()
            peak = max(peak, usage.rss)
            rate.add(now - begin, folded)
            watched.qualities.refresh()
            display.show(
                Moment(
                    now - begin, feed.sent, folded, total, rate.per_s, feed.age(folded),
                    dict(watched.qualities.latest),
                )
            )  # fmt: skip
            if done and folded >= feed.sent:
                return Measured(now - begin, usage.cpu_s - before.cpu_s, peak, counts)
            if now - progress > STALLED_S and folded < feed.sent:
                raise LauncherError(
                    f"{feed.sent - folded:,} records wait, and none was folded for "
                    f"{STALLED_S:.0f} s",
                    hint=f"the worker's log is {watched.worker.log}",
                )
            await asyncio.sleep(_LOOK_S)


class Rate:
    """Records a second over the last seconds.

    >>> rate = Rate()
    >>> for second in range(10):
    ...     rate.add(float(second), 100 * second)
    >>> rate.per_s
    100.0
    """

    def __init__(self) -> None:
        self._points: deque[tuple[float, int]] = deque()

    def add(self, at: float, count: int) -> None:
        """So many records in all at this time."""
        self._points.append((at, count))
        while self._points[-1][0] - self._points[0][0] > _RATE_OVER_S and len(self._points) > 2:
            self._points.popleft()

    @property
    def per_s(self) -> float:
        """0 before anything is known."""
        if len(self._points) < 2:
            return 0.0
        (first, low), (last, high) = self._points[0], self._points[-1]
        return (high - low) / (last - first) if last > first else 0.0
