"""Produces with confluent-kafka: idempotent, acknowledged by all replicas, in order.

A send costs one callback into the event loop, however many messages it has. While the broker is
away a send waits; librdkafka retries for as long as it takes.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

from confluent_kafka import KafkaError, Producer

from afflux.names import AffluxError
from streams.bulk import BulkProducer
from streams.errors import BrokerUnavailable
from streams.metrics import Metrics
from streams.ports import TP, Message
from streams.producing import batches, failure, produce_run, producer_options
from streams.settings import StreamSettings

__all__ = ["BulkProducer", "DeliveryClosed", "KafkaDelivery"]

log = logging.getLogger("afflux.delivery")

_POLL_SECONDS = 0.1
_ROOM_SECONDS = 0.005
_CLOSE_SECONDS = 3.0


class DeliveryClosed(BrokerUnavailable):
    """The producer was closed before all messages were acknowledged."""


class KafkaDelivery:
    """Implements `ports.Delivery`. Create it in a running event loop; close it at the end.

    metrics, plane: where the time of every send is observed.
    """

    def __init__(
        self, settings: StreamSettings, metrics: Metrics | None = None, plane: str = "enrich"
    ) -> None:
        self._seconds = None if metrics is None else metrics.delivery_seconds.labels(plane)
        self._loop = asyncio.get_running_loop()
        self._options = producer_options(settings, on_error=self._on_error)
        self._producer = Producer(self._options)
        self._retired: list[Producer] = []
        self._broken = False
        self._closed = threading.Event()
        self._waiting: set[_Sending] = set()
        self._away = False
        self._poller = threading.Thread(target=self._poll, name="afflux-delivery", daemon=True)
        self._poller.start()

    async def send(self, messages: Sequence[Message]) -> dict[TP, int]:
        """Where each topic partition goes on after these messages, once all are acknowledged.

        Raises MessageRefused for a message that the broker does not take (too large, no such
        topic), DeliveryClosed, or BrokerUnavailable when the producer had to be replaced: some
        messages may be in the log then.
        """
        if not messages:
            return {}
        self._replace_broken()
        began = monotonic()
        sending = _Sending(self._loop, len(messages), self._finished)
        self._waiting.add(sending)
        try:
            for topic, run in batches(messages):
                await self._produce(topic, run, sending)
            ends = await sending.done
        finally:
            self._waiting.discard(sending)
        if self._seconds is not None:
            self._seconds.observe(monotonic() - began)
        return ends

    async def close(self) -> None:
        """Wait shortly for what is under way; whatever is not acknowledged then, fails."""
        left = await asyncio.to_thread(self._producer.flush, _CLOSE_SECONDS)
        if left:
            log.warning("%d messages were not acknowledged before the end", left)
            self._producer.purge()
        self._closed.set()
        await asyncio.to_thread(self._poller.join)
        for sending in list(self._waiting):
            sending.fail(DeliveryClosed("the producer was closed"))

    async def _produce(self, topic: str, run: Sequence[Message], sending: _Sending) -> None:
        while run:
            if self._closed.is_set():
                raise DeliveryClosed("the producer was closed")
            run = produce_run(self._producer, topic, run, sending.acknowledged)
            if run:
                await asyncio.sleep(_ROOM_SECONDS)

    def _replace_broken(self) -> None:
        """A fatal error of idempotence ends a producer, not its worker."""
        if self._broken:
            self._broken = False
            self._retired.append(self._producer)
            self._producer = Producer(self._options)

    def _poll(self) -> None:
        while not self._closed.is_set():
            self._producer.poll(_POLL_SECONDS)
            for producer in list(self._retired):
                producer.poll(0)
                if not len(producer):
                    self._retired.remove(producer)

    def _finished(self) -> None:
        if self._away:
            self._away = False
            log.info("Kafka takes messages again")

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal() or error.code() == KafkaError._FATAL:
            self._broken = True
            log.warning("the producer is replaced: %s", error.str())
        elif error.code() == KafkaError._ALL_BROKERS_DOWN and not self._away:
            self._away = True
            log.warning("Kafka takes no messages now (%s); they wait", error.str())


class _Sending:
    """Counts the acknowledgements of one send, in librdkafka's thread."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, count: int, finished: Callable[[], None]
    ) -> None:
        self.done: asyncio.Future[dict[TP, int]] = loop.create_future()
        self._loop, self._left, self._finished = loop, count, finished
        self._ends: dict[TP, int] = {}
        self._error: AffluxError | None = None

    def acknowledged(self, error: KafkaError | None, message: Any) -> None:
        """Called once for every message."""
        if error is None:
            # In order within a topic partition, so the last one counts.
            self._ends[message.topic(), message.partition()] = message.offset() + 1
        elif self._error is None:
            self._error = failure(message.topic(), error)
        self._left -= 1
        if not self._left:
            self._loop.call_soon_threadsafe(self._end)

    def fail(self, error: AffluxError) -> None:
        """End it now."""
        if not self.done.done():
            self.done.set_exception(error)

    def _end(self) -> None:
        self._finished()
        if self.done.done():
            return
        if self._error is not None:
            self.done.set_exception(self._error)
        else:
            self.done.set_result(self._ends)
