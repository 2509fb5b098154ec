"""Folds together what several partitions have ready: small batches share the price of one.

A fold costs about as much for one record as for twenty. So while one runs, what comes in waits,
and is folded in one go afterwards, whatever partitions it is of: under low load a record is folded
at once and alone, and the more load the more it shares. Small folds keep a distance, which lets
more records share one. Large folds run beside each other instead, so that one computes while
another waits for the store.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic

from streams.enrich.partition import OwnedPartition
from streams.records import RecordBatch

LARGE = 400
"""Records that are worth a fold of their own beside the running ones."""

MOST = 2_000
"""Records of one fold, unless a single batch has more."""

AT_ONCE = 4
"""Folds beside each other."""


@dataclass(slots=True, eq=False)
class Job:
    """A batch of a partition whose lock the submitter holds until `done`."""

    part: OwnedPartition
    records: RecordBatch
    done: asyncio.Future[None] = field(default_factory=asyncio.Future)
    fold: asyncio.Task[None] | None = None
    """Set while it is folded."""

    @property
    def abandoned(self) -> bool:
        """The submitter was cancelled."""
        return self.done.cancelled()

    def fail(self, error: BaseException) -> None:
        """Tell the submitter."""
        if not self.done.done():
            self.done.set_exception(error)

    def succeed(self) -> None:
        """Tell the submitter."""
        if not self.done.done():
            self.done.set_result(None)


class Together:
    """Folds what waits.

    fold: folds jobs of different partitions and ends each of them; what it raises fails all.
    spacing_s: so long after the start of a fold the next one starts at the earliest, unless it is
    large. monotonic: the clock for it, seconds.
    """

    def __init__(
        self,
        fold: Callable[[Sequence[Job]], Awaitable[None]],
        spacing_s: float = 0.0,
        monotonic: Callable[[], float] = monotonic,
    ) -> None:
        self._fold = fold
        self._spacing_s = spacing_s
        self._monotonic = monotonic
        self._earliest = monotonic()
        """When the next small fold may start."""
        self._waiting: deque[Job] = deque()
        self._jobs: dict[asyncio.Task[None], list[Job]] = {}
        """Of the running folds."""

    async def fold(self, part: OwnedPartition, records: RecordBatch) -> None:
        """Returns when the batch is committed. Raises what its fold raised.

        A submitter that is cancelled holds on until its fold has ended, for it is of the state
        that the lock guards; a fold that has nobody left is cancelled.
        """
        job = Job(part, records)
        self._waiting.append(job)
        self._start()
        try:
            await job.done
        except asyncio.CancelledError:
            if job.fold is not None and not job.fold.done():
                if all(j.abandoned for j in self._jobs[job.fold]):
                    job.fold.cancel()
                await asyncio.wait([job.fold])
            raise

    def _start(self) -> None:
        if self._waiting and len(self._jobs) < AT_ONCE and (not self._jobs or self._large()):
            task = asyncio.create_task(self._run())
            self._jobs[task] = []
            task.add_done_callback(self._ended)

    def _large(self) -> bool:
        return sum(len(job.records) for job in self._waiting) >= LARGE

    async def _run(self) -> None:
        """Takes the jobs only now, when those that came in the same moment are there as well."""
        task = asyncio.current_task()
        assert task is not None
        early_s = self._earliest - self._monotonic()
        if early_s > 0 and not self._large():
            await asyncio.sleep(early_s)
        self._earliest = self._monotonic() + self._spacing_s
        jobs = self._jobs[task] = self._taken()
        for job in jobs:
            job.fold = task
        if jobs:
            await self._fold(jobs)

    def _ended(self, task: asyncio.Task[None]) -> None:
        jobs = self._jobs.pop(task)
        error = None if task.cancelled() else task.exception()
        for job in jobs:
            job.fail(error or RuntimeError("the fold ended without a word on this batch"))
        self._start()

    def _taken(self) -> list[Job]:
        jobs: list[Job] = []
        records = 0
        while self._waiting:
            if jobs and records + len(self._waiting[0].records) > MOST:
                break
            job = self._waiting.popleft()
            if not job.abandoned:
                jobs.append(job)
                records += len(job.records)
        return jobs
