"""The lanes of a plane: batches in order per partition number, and what happens when one fails.

All topics of one partition number share a lane, because they share the state of its shards. A
lane folds one batch at a time; lanes run beside each other. What comes while a lane is busy is
folded in one go afterwards, so batches grow with the load. A batch is acknowledged last, and only
folded if no seek came after it was read.

What a plane raises decides:

    Rewind          seek these topic partitions, go on under a new epoch
    StoreUnavailable, BrokerUnavailable   the partition is lost: see `streams.ownership`
    StopPartition   the worker stops, nothing else helps
    anything else   lost as well, but only so many times in a row
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic, time

from profile_store.errors import StoreUnavailable
from streams.errors import BrokerUnavailable
from streams.metrics import PlaneMetrics
from streams.ownership import Ownership, Source
from streams.ports import TP, Plane, Rewind, StopPartition, TopicsChanged
from streams.records import RecordBatch, joined
from streams.settings import StreamSettings

_TICK_SECONDS = 1.0


@dataclass(slots=True, eq=False)
class _Entry:
    """A batch that waits for its turn, or has it."""

    batch: RecordBatch
    acknowledge: Callable[[], object]
    taken: bool = False


class Lanes:
    """Drives one plane. All of it runs in the worker's event loop.

    `halted` is done when the worker must stop: with StopPartition, or with the last of too many
    unexpected errors. With TopicsChanged it goes on with another consumer.
    """

    def __init__(
        self,
        name: str,
        plane: Plane,
        settings: StreamSettings,
        metrics: PlaneMetrics,
    ) -> None:
        self.name = name
        self.log = logging.getLogger(f"afflux.{name}")
        self._plane, self._settings, self._metrics = plane, settings, metrics
        self.halted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._locks: dict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._queues: dict[int, deque[_Entry]] = defaultdict(deque)
        self._running: set[asyncio.Task[None]] = set()
        self._rewinds: dict[int, int] = defaultdict(int)
        self._high_watermarks: dict[TP, int] = {}
        self._ticking: asyncio.Task[None] | None = None
        self.ownership = Ownership(self._locks, plane, settings, self.log, self.halt)

    def connect(self, source: Source) -> None:
        """The consumer to drive; once, before anything else."""
        self._source = source
        self.ownership.connect(source)

    # Batches

    def submit(self, batch: RecordBatch, acknowledge: Callable[[], object]) -> None:
        """Fold this batch when its turn comes. Turns are in the order of these calls."""
        entry = _Entry(batch, acknowledge)
        self._queues[batch.partition].append(entry)
        task = asyncio.create_task(self._turn(entry))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def submit_all(self, batches: Sequence[RecordBatch], acknowledge: Callable[[], object]) -> None:
        """Each in its lane; they are acknowledged when the last of them has ended."""
        left = itertools.count(len(batches) - 1, -1)

        def ended() -> None:
            if not next(left):
                acknowledge()

        for batch in batches:
            self.submit(batch, ended)

    async def _turn(self, entry: _Entry) -> None:
        """Fold this entry, and with it those that follow it and came while the lane was busy."""
        try:
            async with self._locks[entry.batch.partition]:
                if not entry.taken:
                    await self._fold_run(self._run_from(entry))
        finally:
            if not entry.taken:  # cancelled while it waited
                self._end(entry)

    def _run_from(self, entry: _Entry) -> list[_Entry]:
        queue, run = self._queues[entry.batch.partition], [entry]
        records = len(entry.batch)
        for later in itertools.islice(queue, queue.index(entry) + 1, None):
            records += len(later.batch)
            if records > self._settings.max_records or not run[-1].batch.is_followed_by(
                later.batch
            ):
                break
            run.append(later)
        for taken in run:
            taken.taken = True
        return run

    async def _fold_run(self, run: Sequence[_Entry]) -> None:
        try:
            batch = joined([entry.batch for entry in run])
            if self._may_fold(batch):
                await self._fold(batch)
        finally:
            for entry in run:
                self._end(entry)

    def _end(self, entry: _Entry) -> None:
        self._queues[entry.batch.partition].remove(entry)
        self._source.release(entry.batch)
        entry.acknowledge()

    def _may_fold(self, batch: RecordBatch) -> bool:
        return (
            self._source.is_current(batch)
            and not self.ownership.is_lost(batch.partition)
            and not self.halted.done()
        )

    async def _fold(self, batch: RecordBatch) -> None:
        began = monotonic()
        try:
            await self._plane.process(batch)
        except Rewind as rewind:
            # What was not folded is read again, whether the plane names it or not.
            unfolded = {(batch.topic, batch.partition): batch.base}
            await self._rewind(unfolded | rewind.offsets, str(rewind), batch.partition)
        except (StoreUnavailable, BrokerUnavailable) as error:
            self.ownership.lose({batch.partition}, str(error))
        except StopPartition as stop:
            self.halt(stop)
        except Exception as error:
            self.ownership.fail({batch.partition}, error)
        else:
            self._folded(batch, monotonic() - began)

    def _folded(self, batch: RecordBatch, seconds: float) -> None:
        tp = (batch.topic, batch.partition)
        self._source.folded(batch)
        self._rewinds.pop(batch.partition, None)
        self.ownership.succeeded(batch.partition)
        self._metrics.folded(
            tp,
            records=len(batch),
            seconds=seconds,
            lag=max(0, self._high_watermarks.get(tp, batch.end) - batch.end),
            age=time() - float(batch.timestamps[-1]) / 1000,
        )

    async def _rewind(self, offsets: Mapping[TP, int], why: str, holding: int) -> None:
        """The lane `holding` is locked by us; other lanes are sought in their own turn."""
        theirs = {tp: at for tp, at in offsets.items() if tp[1] != holding}
        ours = {tp: at for tp, at in offsets.items() if tp[1] == holding}
        self._seek_later(theirs)
        self._rewinds[holding] += 1
        times = self._rewinds[holding]
        self.log.info("rewinding %s: %s", _names(ours), why)
        if times > 2:
            await asyncio.sleep(min(0.05 * 2 ** (times - 2), self._settings.max_backoff_ms / 1000))
        await self._source.seek_all(ours)
        self._metrics.rewinds.inc()

    def _seek_later(self, offsets: Mapping[TP, int]) -> None:
        for partition in {tp[1] for tp in offsets}:
            ours = {tp: at for tp, at in offsets.items() if tp[1] == partition}
            task = asyncio.create_task(self._seek_in_turn(partition, ours))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _seek_in_turn(self, partition: int, offsets: Mapping[TP, int]) -> None:
        async with self._locks[partition]:
            await self._source.seek_all(offsets)
            self._metrics.rewinds.inc()

    def watermarks(self, high_watermarks: Mapping[TP, int]) -> None:
        """What the broker said of the ends of the logs."""
        self._high_watermarks.update(high_watermarks)

    def unreadable(self, lost: Mapping[TP, str]) -> None:
        """These topic partitions cannot be read on from where they are."""
        for tp, why in lost.items():
            self.ownership.lose({tp[1]}, f"{tp[0]}-{tp[1]}: {why}")

    # Life

    async def assume(self, tps: Iterable[TP]) -> None:
        """A rebalance assigned these: take them over, or pause them and do it later."""
        if self._ticking is None:
            self._ticking = asyncio.create_task(self._tick())
        await self.ownership.assume(set(tps))
        self._metrics.partitions.set(len(self.ownership.partitions))

    async def revoke(self) -> None:
        """A rebalance takes everything away: finish or abandon, within the time that is left."""
        limit = self._settings.revoke_timeout_ms / 1000
        until = monotonic() + limit
        await self.ownership.suspend()
        await self._settle(limit * 0.6)
        await self.ownership.give_up(until - monotonic())
        self._metrics.partitions.set(0)

    async def close(self) -> None:
        """Clean shutdown: fold what is in hand, then let go. The plane stays open."""
        if self._ticking is not None:
            self._ticking.cancel()
        await self.ownership.suspend()
        await self._settle(self._settings.drain_timeout_ms / 1000)
        await self.ownership.give_up(self._settings.revoke_timeout_ms / 1000)

    def halt(self, reason: Exception) -> None:
        """Stop folding; the worker ends with this reason."""
        if not self.halted.done():
            self.halted.set_exception(reason)
            self.halted.exception()  # retrieved: the worker may be on its way out already
            self.ownership.pause_all()

    async def _settle(self, seconds: float) -> None:
        running = set(self._running)
        if running:
            _, late = await asyncio.wait(running, timeout=seconds)
            for task in late:
                task.cancel()
            if late:
                self.log.warning("abandoned %d batches that were not folded in time", len(late))
                await asyncio.wait(late, timeout=0.2)

    async def _tick(self) -> None:
        away = False
        while not self.halted.done():
            await asyncio.sleep(_TICK_SECONDS)
            self._metrics.paused.set(self.ownership.lost)
            if not self.ownership.partitions:
                continue
            try:
                await self._plane.tick()
            except Rewind as rewind:
                self.log.info("rewinding %s: %s", _names(rewind.offsets), rewind)
                self._seek_later(rewind.offsets)
            except (StoreUnavailable, BrokerUnavailable) as error:
                if not away:
                    self.log.warning("the once-a-second work waits: %s", error)
                away = True
                continue
            except (StopPartition, TopicsChanged) as stop:
                self.halt(stop)
            except Exception:
                self.log.exception("the once-a-second work of %s failed", self.name)
            away = False


def _names(offsets: Mapping[TP, int]) -> str:
    return ", ".join(f"{topic}-{n} to {at}" for (topic, n), at in sorted(offsets.items()))
