"""Faust's Kafka transport with one message for all that one read brought of a topic.

Faust's cost is per message, so a message carries a `RecordBatch` of every topic partition; group
membership, assignment, rebalancing, flow control and streams stay Faust's. Positions come from the
planes: what Faust and Kafka remember of offsets is only for lag monitors.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from faust.transport.drivers import aiokafka as driver
from faust.types import TP as FaustTP
from faust.types import ConsumerMessage

from streams.fetching import FetchThread
from streams.ports import TP, LogRange
from streams.records import RecordBatch

if TYPE_CHECKING:
    from streams.app import ShellApp

_POLL_SECONDS = 1.0
_PAUSED_SECONDS = 0.02


class _NoOffsets(dict[Any, None]):
    """Stands in for Faust's read offsets, by which it drops what is read again after a seek."""

    def __getitem__(self, tp: Any) -> None:
        return None

    def __setitem__(self, tp: Any, offset: object) -> None:
        pass


class BatchConsumer(driver.Consumer):
    """Yields batches, seeks to the planes' positions, and is the lanes' `Source`."""

    app: ShellApp
    _thread: FetchThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._read_offset = _NoOffsets()  # type: ignore[assignment]  # on purpose: always None
        self._folded: dict[FaustTP, int] = {}

    def _new_consumer_thread(self) -> FetchThread:
        return FetchThread(self, loop=self.loop, beacon=self.beacon)

    # What Faust calls

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[Any, Any]]:
        """One message per topic: the batches of its partitions that have records and room."""
        if not self.flow_active:
            await self.wait(self.can_resume_flow)  # type: ignore[arg-type]  # as Faust does
        if self.should_stop:
            return
        active = frozenset((tp.topic, tp.partition) for tp in self._get_active_partitions())
        taken = await self._thread.take(active, _POLL_SECONDS if active else _PAUSED_SECONDS)
        self.app.lanes.watermarks(taken.high_watermarks)
        if taken.lost:
            self.app.lanes.unreadable(taken.lost)
        for _, of_topic in itertools.groupby(sorted(taken.batches, key=_topic), key=_topic):
            if not self.flow_active:
                return
            # A whole rebalance may have passed while we waited: then a batch can be one that
            # was read after it, which nobody would read again.
            batches = [batch for batch in of_topic if self.is_current(batch)]
            if batches:
                message = self._message(batches, self.app.consumer_generation_id)
                yield message.tp, message

    async def perform_seek(self) -> None:
        """Take over what was assigned; Faust resumes the flow when this returns."""
        await self.app.lanes.assume({(tp.topic, tp.partition) for tp in self.assignment()})

    def on_buffer_full(self, tp: Any) -> None:
        """Nothing: `take` leaves a topic partition alone while enough of it is in hand."""

    def verify_event_path(self, now: float, tp: Any) -> None:
        """Nothing: Faust judges slowness by its own offsets."""

    def _new_offset(self, tp: Any) -> int | None:
        # Faust's arithmetic on gaps between acknowledged offsets does not fit batches.
        self._acked[tp].clear()
        self._acked_index[tp].clear()
        return self._folded.get(tp)

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Any:
        # A message is of several partitions, so Faust's acknowledgements do not name them all.
        return [tp for tp in self._folded if topics is None or tp in topics or tp.topic in topics]

    async def on_partitions_revoked(self, revoked: Any) -> None:
        """Forget what was folded: the next owner commits from its own positions."""
        for tp in revoked:
            self._folded.pop(tp, None)
        await super().on_partitions_revoked(revoked)

    # What the lanes call

    async def seek_all(self, offsets: Mapping[TP, int]) -> set[TP]:
        """Seek; returns the topic partitions that are still ours."""
        sought = await self._thread.rewind(offsets)
        for tp in sought:
            self._committed_offset[FaustTP(*tp)] = None
            self._folded.pop(FaustTP(*tp), None)
        return sought

    async def log_ranges(self, tps: Iterable[TP]) -> dict[TP, LogRange]:
        """What the broker says of these. Raises BrokerUnavailable."""
        wanted = list(tps)
        names = {topic for topic, _ in wanted}
        ends, topics = await asyncio.gather(
            self._thread.log_ends(wanted), asyncio.to_thread(self.app.admin.describe, names)
        )
        return {tp: LogRange(topics[tp[0]].topic_id, *ends[tp]) for tp in wanted}

    def is_current(self, batch: RecordBatch) -> bool:
        """Whether the batch may be folded: neither a seek nor a rebalance came after it."""
        return self._thread.is_current((batch.topic, batch.partition), batch.epoch)

    def folded(self, batch: RecordBatch) -> None:
        """Its end may be committed for lag monitors."""
        self._folded[FaustTP(batch.topic, batch.partition)] = batch.end

    def release(self, batch: RecordBatch) -> None:
        """The batch is not in hand any more."""
        self._thread.release((batch.topic, batch.partition), batch.epoch, len(batch))

    def pause(self, tps: Iterable[TP]) -> None:
        """Read nothing from these."""
        self.pause_partitions(FaustTP(*tp) for tp in tps)

    def resume(self, tps: Iterable[TP]) -> None:
        """Read these again."""
        self.resume_partitions({FaustTP(*tp) for tp in tps})

    def _message(self, batches: Sequence[RecordBatch], generation: int) -> Any:
        """Under the name of the first of them."""
        first = batches[0]
        tp = FaustTP(first.topic, first.partition)
        return ConsumerMessage(
            first.topic,
            first.partition,
            first.end - 1,
            float(first.timestamps[-1]) / 1000,
            0,
            [],
            None,
            batches,  # type: ignore[arg-type]  # the topic's schema hands it on as it is
            None,
            0,
            0,
            tp,
            generation_id=generation,
        )


def _topic(batch: RecordBatch) -> str:
    return batch.topic


class BatchTransport(driver.Transport):
    """Faust's aiokafka transport with our consumer."""

    Consumer: ClassVar[type[Any]] = BatchConsumer
