"""The consumer's thread: from aiokafka's buffers to one batch of records per topic partition.

Everything that decides which record comes next (aiokafka's positions, our cursors, seeks and
the reading itself) runs in this thread's event loop, and nothing awaits between looking and
changing. That is the one lock around fetch and seek: a batch either was read before a seek and
has an older epoch, or after it.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any

import aiokafka  # type: ignore[import-untyped]
import numpy as np
from aiokafka.errors import (  # type: ignore[import-untyped]
    ConsumerStoppedError,
    KafkaError,
    NoOffsetForPartitionError,
)
from aiokafka.structs import (  # type: ignore[import-untyped]
    OffsetAndMetadata,
    TopicPartition,
)
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from mode.threads import WorkerThread

from streams.log_ends import log_ends
from streams.ports import TP
from streams.records import RecordBatch

if TYPE_CHECKING:
    from streams.transport import BatchConsumer

_epochs = itertools.count(1)


@dataclass(slots=True)
class Cursor:
    """How far one topic partition was read since its last seek."""

    epoch: int
    position: int
    """aiokafka's position after our last read; another one means that somebody moved it."""
    delivered: int
    """End of the last batch; the next one's base."""
    read: int = 0
    """Records that were read; only this thread counts them."""
    done: int = 0
    """Those of them that need no room any more; only the worker's loop counts them."""
    starved: bool = False
    """Whether records were left unread for lack of room: who makes some has to say so."""

    @property
    def in_hand(self) -> int:
        """Records that were read and are not folded yet."""
        return self.read - self.done


@dataclass(slots=True)
class Taken:
    """What one read brought."""

    batches: list[RecordBatch] = field(default_factory=list)
    lost: dict[TP, str] = field(default_factory=dict)
    """Topic partitions which cannot be read on from where they are, and why."""
    high_watermarks: dict[TP, int] = field(default_factory=dict)


class _DaemonThread(WorkerThread):
    """Does not keep a process alive whose worker has ended."""

    def __init__(self, service: Any, **kwargs: Any) -> None:
        super().__init__(service, **kwargs)
        self.daemon = True


class FetchThread(AIOKafkaConsumerThread):
    """Faust's consumer thread, reading `max_records` of every topic partition that has room."""

    Worker = _DaemonThread
    consumer: BatchConsumer

    def __post_init__(self) -> None:
        super().__post_init__()
        self.settings = self.consumer.app.settings
        self.cursors: dict[TP, Cursor] = {}

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        self._assignor = self.app.assignor
        conf = self.settings
        return aiokafka.AIOKafkaConsumer(
            group_id=self.app.conf.id,
            group_instance_id=conf.instance_id,
            partition_assignment_strategy=[self._assignor],
            enable_auto_commit=False,
            # Positions come from the store: none of aiokafka's guesses may replace them.
            auto_offset_reset="none",
            max_partition_fetch_bytes=conf.max_fetch_bytes,
            fetch_max_wait_ms=conf.fetch_wait_ms,
            max_poll_interval_ms=300_000,
            session_timeout_ms=conf.session_timeout_ms,
            rebalance_timeout_ms=conf.rebalance_timeout_ms,
            heartbeat_interval_ms=conf.heartbeat_interval_ms,
            **conf.aiokafka(),
        )

    async def on_start(self) -> None:
        """Connect."""
        await super().on_start()
        pace(self._ensure_consumer()._fetcher, self.settings.fetch_wait_ms / 1000)

    def on_crash(self, msg: str, *fmt: Any, **kwargs: Any) -> None:
        """Say it where logs go; the worker starts another consumer."""
        self.log.debug(msg.format(*fmt))

    async def take(self, active: frozenset[TP], timeout: float) -> Taken:
        """The next batches of these topic partitions; empty after `timeout` seconds."""
        taken: Taken = await self.call_thread(self._take, active, timeout)
        return taken

    async def rewind(self, offsets: Mapping[TP, int]) -> set[TP]:
        """Seek; batches read before have an older epoch from now on. Returns who is still ours."""
        sought: set[TP] = await self.call_thread(self._rewind, offsets)
        return sought

    async def log_ends(self, tps: Iterable[TP]) -> dict[TP, tuple[int, int]]:
        """(start, high watermark) of these topic partitions. Raises BrokerUnavailable."""
        client = self._ensure_consumer()._client
        ends: dict[TP, tuple[int, int]] = await self.call_thread(log_ends, client, tps)
        return ends

    def release(self, tp: TP, epoch: int, records: int) -> None:
        """So many records are done: there is room for others. From the worker's loop."""
        cursor = self.cursors.get(tp)
        if cursor is None or cursor.epoch != epoch:
            return
        cursor.done += records
        if cursor.starved:
            with suppress(RuntimeError):  # the loop is closed: nobody waits for room any more
                self.thread_loop.call_soon_threadsafe(self._look_again)

    def is_current(self, tp: TP, epoch: int) -> bool:
        """Whether no seek, and no rebalance, came after this epoch. From any thread."""
        cursor = self.cursors.get(tp)
        return cursor is not None and cursor.epoch == epoch

    async def on_partitions_revoked(self, revoked: set[Any]) -> None:
        """Forget all cursors before anybody hears of the rebalance: rebalances are eager."""
        self.cursors.clear()
        await super().on_partitions_revoked(revoked)

    async def on_thread_stop(self) -> None:
        """Close aiokafka's consumer, also while the broker is away."""
        if self._consumer is not None and self._consumer._coordinator.generation == 0:
            # Some brokers count generations from 0; aiokafka leaves a group only from 1 on.
            self._consumer._coordinator.generation = 1
        try:
            await super().on_thread_stop()
        except asyncio.CancelledError:
            # aiokafka's fetcher awaits tasks that it has cancelled, and stops closing there.
            await self._ensure_consumer()._client.close()

    async def _rewind(self, offsets: Mapping[TP, int]) -> set[TP]:
        consumer = self._ensure_consumer()
        mine = {tp for tp in offsets if TopicPartition(*tp) in consumer.assignment()}
        for tp in mine:
            consumer.seek(TopicPartition(*tp), offsets[tp])
            self.cursors[tp] = Cursor(next(_epochs), offsets[tp], offsets[tp])
        return mine

    def _look_again(self) -> None:
        if self._consumer is not None:
            fetcher = self._consumer._fetcher
            for waiter in list(fetcher._fetch_waiters):
                fetcher._notify(waiter)

    async def _take(self, active: frozenset[TP], timeout: float) -> Taken:
        consumer = self._ensure_consumer()
        fetcher, subscription = consumer._fetcher, consumer._subscription
        until = monotonic() + timeout
        while self.consumer.flow_active and not subscription.reassignment_in_progress:
            if consumer._closed or fetcher._closed:
                raise ConsumerStoppedError()
            # Faust never asks, and aiokafka's coordinator waits until somebody does.
            consumer._coordinator.check_errors()
            _touch(subscription)
            taken = self._drain(fetcher, active)
            left = until - monotonic()
            if taken.batches or taken.lost or left <= 0:
                return taken
            waiter = fetcher._create_fetch_waiter()
            await asyncio.wait([waiter], timeout=left)
            if waiter.done():
                waiter.result()
            else:
                waiter.cancel()
        return Taken()

    def _drain(self, fetcher: Any, active: frozenset[TP]) -> Taken:
        taken = Taken()
        assignment = fetcher._subscriptions.subscription.assignment
        for key in list(fetcher._records):
            tp: TP = (key.topic, key.partition)
            cursor, state = self.cursors.get(tp), assignment.state_value(key)
            if state is None:
                del fetcher._records[key]
                continue
            if cursor is None or tp not in active:
                continue
            taken.high_watermarks[tp] = state.highwater or 0
            if not self._has_room(cursor):
                continue
            try:
                batch = self._read(fetcher, key, cursor, state)
            except KafkaError as error:
                fetcher._records.pop(key, None)
                if not isinstance(error, NoOffsetForPartitionError):
                    taken.lost[tp] = f"{type(error).__name__}: {error}"
                fetcher._notify(fetcher._wait_consume_future)
                continue
            if batch is not None:
                cursor.read += len(batch)
                taken.batches.append(batch)
        return taken

    def _has_room(self, cursor: Cursor) -> bool:
        """Looks twice: room that is made after the first look, unsaid, is seen by the second."""
        most = (self.settings.batches_ahead - 1) * self.settings.max_records
        cursor.starved = False
        if cursor.in_hand > most:
            cursor.starved = True
        return cursor.in_hand <= most

    def _read(
        self, fetcher: Any, key: TopicPartition, cursor: Cursor, state: Any
    ) -> RecordBatch | None:
        found = fetcher._records[key]
        if not hasattr(found, "getall"):
            found.check_raise()
        if not state.has_valid_position or state.position != cursor.position:
            raise KafkaError(f"the reader moved away from offset {cursor.position}")
        records = found.getall(self.settings.max_records)
        if not found.has_more():
            del fetcher._records[key]
            fetcher._notify(fetcher._wait_consume_future)
        cursor.position = state.position
        if not records:
            return None
        base, cursor.delivered = cursor.delivered, cursor.position
        return _batch(key, records, base, cursor)

    async def commit(self, offsets: Mapping[Any, int]) -> bool:
        """Kafka's own offsets; False as soon as the thread ends without having committed them."""
        committing = asyncio.ensure_future(super().commit(offsets))
        ended = asyncio.ensure_future(self._shutdown.wait())
        try:
            await asyncio.wait({committing, ended}, return_when=asyncio.FIRST_COMPLETED)
            return committing.done() and bool(committing.result())
        finally:
            committing.cancel()
            ended.cancel()

    async def _commit(self, offsets: Mapping[Any, int]) -> bool:
        # Only lag monitors read these offsets: a failure is no reason to crash, as it is in Faust.
        consumer = self._ensure_consumer()
        mine = consumer.assignment()
        entries = {
            TopicPartition(*tp): OffsetAndMetadata(offset, "")
            for tp, offset in offsets.items()
            if TopicPartition(*tp) in mine
        }
        try:
            await asyncio.wait_for(consumer.commit(entries), timeout=5)
        except (KafkaError, TimeoutError) as error:
            self.log.debug("offsets for lag monitors not committed: %r", error)
            return False
        return True


def pace(fetcher: Any, wait_s: float) -> None:
    """Let two pauses that aiokafka hard-codes last no longer than a fetch waits at the broker.

    While a partition has unread records nothing is fetched from its broker, for 100 ms: a busy
    partition would make the others stale. And where a response and the reading of records come in
    the same turn of the loop, aiokafka sees its node as busy, with nothing under way that would
    wake it: it fetches nothing for 200 ms.
    """
    fetcher._prefetch_backoff = wait_s
    fetcher._fetcher_timeout = wait_s


def _touch(subscription: Any) -> None:
    """Tell aiokafka that we poll; it leaves the group otherwise."""
    with subscription.fetch_context():
        pass


def _batch(key: TopicPartition, records: list[Any], base: int, cursor: Cursor) -> RecordBatch:
    count = len(records)
    return RecordBatch(
        topic=key.topic,
        partition=key.partition,
        base=base,
        end=cursor.position,
        epoch=cursor.epoch,
        offsets=np.fromiter((r.offset for r in records), np.int64, count),
        timestamps=np.fromiter((r.timestamp for r in records), np.int64, count),
        keys=[r.key for r in records],
        values=[r.value for r in records],
        headers=[r.headers for r in records],
    )
