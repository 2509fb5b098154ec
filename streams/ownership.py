"""Taking over topic partitions, losing them, and taking them over again.

A plane says where to go on (its positions are in the store); Kafka's own offsets are ignored.
While the store or the broker is away the partitions are paused, and one task tries to take over
all lost ones together, with growing pauses, until it works.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from time import monotonic
from typing import Protocol

from profile_store.errors import StoreUnavailable
from streams.backoff import Backoff
from streams.errors import BrokerUnavailable, TooManyFailures
from streams.ports import TP, LogRange, Plane, StopPartition
from streams.records import RecordBatch
from streams.settings import StreamSettings

_REMIND_SECONDS = 30.0


class Source(Protocol):
    """The consumer, as the lanes need it."""

    async def log_ranges(self, tps: Iterable[TP]) -> dict[TP, LogRange]:
        """What the broker says of these. Raises BrokerUnavailable."""
        ...

    async def seek_all(self, offsets: Mapping[TP, int]) -> set[TP]:
        """Seek, under new epochs; returns the topic partitions that are still ours."""
        ...

    def is_current(self, batch: RecordBatch) -> bool:
        """Neither a seek nor a rebalance came after the batch was read."""
        ...

    def folded(self, batch: RecordBatch) -> None:
        """Its end may be committed for lag monitors."""
        ...

    def release(self, batch: RecordBatch) -> None:
        """The batch is not in hand any more."""
        ...

    def pause(self, tps: Iterable[TP]) -> None:
        """Read nothing from these."""
        ...

    def resume(self, tps: Iterable[TP]) -> None:
        """Read these again."""
        ...


class Ownership:
    """Which topic partitions are ours, and which of these are lost for now.

    locks: of the lanes; whoever takes a partition over holds its lane.
    halt: stops the worker with this reason.
    """

    def __init__(
        self,
        locks: Mapping[int, asyncio.Lock],
        plane: Plane,
        settings: StreamSettings,
        log: logging.Logger,
        halt: Callable[[Exception], None],
    ) -> None:
        self._locks, self._plane, self._settings = locks, plane, settings
        self._log, self._halt = log, halt
        self._owned: set[TP] = set()
        self._lost: dict[int, str] = {}
        self._failures: dict[int, int] = defaultdict(int)
        self._recovery: asyncio.Task[None] | None = None
        self._assuming: asyncio.Task[None] | None = None

    def connect(self, source: Source) -> None:
        """The consumer; once, before anything else."""
        self._source = source

    @property
    def partitions(self) -> list[int]:
        """Numbers of the partitions that are ours."""
        return sorted({number for _, number in self._owned})

    @property
    def lost(self) -> int:
        """How many of them are paused until they can be taken over again."""
        return len(self._lost)

    def is_lost(self, partition: int) -> bool:
        """Whether nothing of this partition may be folded now."""
        return partition in self._lost or not any(n == partition for _, n in self._owned)

    async def assume(self, tps: set[TP]) -> None:
        """Take over, within the limit; what does not work in time is lost for now."""
        await self.suspend()
        self._owned = set(tps)
        self._lost.clear()
        if not tps:
            return
        self._assuming = asyncio.create_task(self._take_over(tps))
        try:
            async with asyncio.timeout(self._settings.seek_timeout_ms / 1000):
                await self._assuming
        except TimeoutError:
            self.lose(self.partitions, "the positions could not be read in time")
        except (StoreUnavailable, BrokerUnavailable) as error:
            self.lose(self.partitions, _words(error))
        except StopPartition as stop:
            self._halt(stop)
        except Exception as error:
            self.fail(self.partitions, error)
        finally:
            self._assuming = None

    def lose(self, partitions: Iterable[int], why: str) -> None:
        """Pause these and take them over again as soon as that works."""
        fresh = [n for n in partitions if n not in self._lost and not self._foreign(n)]
        if not fresh:
            return
        self._lost.update(dict.fromkeys(fresh, why))
        self._source.pause(self._of(fresh))
        self._log.warning("%s paused: %s; trying again", _partitions(fresh), why)
        if self._recovery is None or self._recovery.done():
            self._recovery = asyncio.create_task(self._recover())

    def fail(self, partitions: Iterable[int], error: Exception) -> bool:
        """Lose these because of an error that nobody expected.

        Too many in a row stop the worker: then it returns True.
        """
        numbers = list(partitions)
        self._log.error("%s failed", _partitions(numbers), exc_info=error)
        for number in numbers:
            self._failures[number] += 1
        worst = max((self._failures[n] for n in numbers), default=0)
        if worst > self._settings.max_failures:
            reason = TooManyFailures(
                f"{_partitions(numbers)} failed {worst} times in a row, at last with {error!r}"
            )
            reason.__cause__ = error
            self._halt(reason)
            return True
        self.lose(numbers, repr(error))
        return False

    def succeeded(self, partition: int) -> None:
        """A batch was folded: failures do not count as in a row any more."""
        self._failures.pop(partition, None)

    def pause_all(self) -> None:
        """Read nothing more."""
        self._source.pause(self._owned)

    async def suspend(self) -> None:
        """Read nothing more, and stop taking anything over."""
        self._source.pause(self._owned)
        for task in (self._recovery, self._assuming):
            if task is not None and not task.done():
                task.cancel()
                await asyncio.wait([task], timeout=0.5)
        self._recovery = None

    async def give_up(self, seconds: float) -> None:
        """Let the plane forget everything, in at most so many seconds."""
        numbers, self._owned = self.partitions, set()
        self._lost.clear()
        self._failures.clear()
        if not numbers:
            return
        try:
            async with asyncio.timeout(max(seconds, 0.1)):
                await self._plane.revoked(numbers)
        except TimeoutError:
            self._log.warning("letting go of %s took too long", _partitions(numbers))
        except StoreUnavailable as error:
            self._log.warning("let go of %s without the store: %s", _partitions(numbers), error)
        except Exception:
            self._log.exception("letting go of %s failed", _partitions(numbers))

    def _foreign(self, number: int) -> bool:
        return not any(n == number for _, n in self._owned)

    def _of(self, numbers: Iterable[int]) -> set[TP]:
        wanted = set(numbers)
        return {tp for tp in self._owned if tp[1] in wanted}

    async def _take_over(self, tps: set[TP]) -> None:
        try:
            positions = await self._positions(tps)
        except StopPartition:
            # A former owner may have moved a position after we read the ends: look again.
            positions = await self._positions(tps)
        await self._source.seek_all(positions)
        self._source.resume(tps)

    async def _positions(self, tps: set[TP]) -> dict[TP, int]:
        logs = await self._source.log_ranges(tps)
        positions = await self._plane.assigned(logs)
        for tp in tps:
            _check(tp, positions.get(tp), logs[tp])
        return {tp: positions[tp] for tp in tps}

    async def _recover(self) -> None:
        worst = max((self._failures[n] for n in self._lost if n in self._failures), default=0)
        first = self._settings.backoff_ms / 1000 * 2**worst
        pause = Backoff(first, self._settings.max_backoff_ms / 1000)
        began = said = monotonic()
        while self._lost:
            await asyncio.sleep(pause.next())
            numbers = sorted(self._lost)
            try:
                await self._take_over_locked(numbers)
            except (StoreUnavailable, BrokerUnavailable, TimeoutError) as error:
                if monotonic() - said > _REMIND_SECONDS:
                    said = monotonic()
                    away = said - began
                    why = _words(error)
                    self._log.warning(
                        "%s still paused after %.0f s: %s", _partitions(numbers), away, why
                    )
            except StopPartition as stop:
                self._halt(stop)
                return
            except Exception as error:
                if self.fail(numbers, error):
                    return
            else:
                self._log.info("%s resumed after %.1f s", _partitions(numbers), monotonic() - began)

    async def _take_over_locked(self, numbers: list[int]) -> None:
        async with AsyncExitStack() as lanes:
            for number in numbers:
                await lanes.enter_async_context(self._locks[number])
            await self._take_over(self._of(numbers))
            for number in numbers:
                self._lost.pop(number, None)


def _check(tp: TP, position: int | None, log: LogRange) -> None:
    if position is None:
        raise RuntimeError(f"the plane gave no position for {tp[0]}-{tp[1]}")
    if not log.start <= position <= log.end:
        raise StopPartition(
            f"{tp[0]}-{tp[1]}: position {position} is outside of the log "
            f"({log.start} to {log.end}); the profile store belongs to another log, or records "
            "were deleted before they were folded. See `afflux doctor`."
        )


def _partitions(numbers: Iterable[int]) -> str:
    listed = sorted(numbers)
    return f"partition{'s' if len(listed) != 1 else ''} {', '.join(map(str, listed))}"


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__
