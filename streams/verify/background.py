"""A worker looks again, slowly, whether what it serves is what the log says."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from afflux.names import AffluxError
from streams.metrics import Metrics
from streams.ports import TP, LogRange, Plane
from streams.records import RecordBatch
from streams.verify.findings import Report

log = logging.getLogger("afflux.verify")

_PAUSE_S = 1.0
_AFTER_AN_ERROR_S = 30.0

Check = Callable[[int, int, Callable[[int], None]], Report]
"""Checks a partition with a seed; calls with the number of records of every read. Blocks."""


class Owner:
    """A plane, with the partitions that it owns now."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self.partitions: set[int] = set()

    @property
    def topics(self) -> Sequence[str]:
        """As the plane."""
        return self._plane.topics

    async def assigned(self, logs: Mapping[TP, LogRange]) -> dict[TP, int]:
        """As the plane."""
        seeks = await self._plane.assigned(logs)
        self.partitions.update(partition for _, partition in logs)
        return seeks

    async def process(self, records: RecordBatch) -> None:
        """As the plane."""
        await self._plane.process(records)

    async def revoked(self, partitions: Sequence[int]) -> None:
        """As the plane."""
        self.partitions.difference_update(partitions)
        await self._plane.revoked(partitions)

    async def tick(self) -> None:
        """As the plane."""
        await self._plane.tick()

    async def close(self) -> None:
        """As the plane."""
        await self._plane.close()


class Ended(AffluxError):
    """The worker ends: no further record is read."""


class BackgroundCheck:
    """One partition after the other, with other people each time, until it is closed.

    check: runs in a thread. records_per_s: of the log, at most so many are read again a second.
    """

    def __init__(self, owner: Owner, check: Check, records_per_s: float, metrics: Metrics) -> None:
        self._owner, self._check, self._metrics = owner, check, metrics
        self._rate = records_per_s
        self._ended = asyncio.Event()
        self._last: dict[int, Report] = {}

    async def run(self) -> None:
        """Until `end` is called."""
        turn = 0
        while not self._ended.is_set():
            for partition in sorted(self._owner.partitions):
                if not self._ended.is_set() and partition in self._owner.partitions:
                    await self._one(partition, turn)
            turn += 1
            await self._wait(_PAUSE_S)

    def end(self) -> None:
        """Let `run` return soon."""
        self._ended.set()

    async def _wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), seconds)

    async def _one(self, partition: int, seed: int) -> None:
        try:
            report = await asyncio.to_thread(self._check, partition, seed, self._pace())
        except Ended:
            return
        except AffluxError as error:
            log.warning("partition %d cannot be verified now: %s", partition, error)
            await self._wait(_AFTER_AN_ERROR_S)
            return
        self._note(partition, seed, report)

    def _pace(self) -> Callable[[int], None]:
        began, read = time.monotonic(), 0

        def pause(records: int) -> None:
            nonlocal read
            read += records
            while (
                left := began + read / self._rate - time.monotonic()
            ) > 0 and not self._ended.is_set():
                time.sleep(min(left, 0.1))
            if self._ended.is_set():
                raise Ended("the worker ends")

        return pause

    def _note(self, partition: int, seed: int, report: Report) -> None:
        metrics = self._metrics
        metrics.verify_checked.inc(report.checked)
        metrics.verify_mismatched.inc(report.mismatched)
        metrics.verify_uncheckable.inc(report.uncheckable + report.unsettled)
        self._last[partition] = report
        mine = [r for p, r in self._last.items() if p in self._owner.partitions]
        checked = sum(r.checked for r in mine)
        metrics.verify_mismatch_rate.set(sum(r.mismatched for r in mine) / max(1, checked))
        if report.differences:
            fields = [f.field for d in report.differences for f in d.fields]
            names = sorted({name.partition("[")[0] for name in fields})
            log.error(
                "%d of %d people of partition %d are not what the log says (%s); who: `afflux "
                "verify --partition %d --seed %d`",
                report.mismatched, report.checked, partition, ", ".join(names), partition, seed,
            )  # fmt: skip
        else:
            log.debug("partition %d: %d people are what the log says", partition, report.checked)
