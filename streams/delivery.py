"""Produces with confluent-kafka: idempotent, acknowledged by all replicas, in order.

A send costs one callback into the event loop, however many messages it has. While the broker is
away a send waits; librdkafka retries for as long as it takes.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Sequence
from time import monotonic
from typing import Any

from confluent_kafka import KafkaError, Producer

from streams.errors import BrokerUnavailable
from streams.logs import quiet_librdkafka
from streams.ports import Message
from streams.settings import StreamSettings

log = logging.getLogger("afflux.delivery")

_POLL_SECONDS = 0.1
_ROOM_SECONDS = 0.005


class DeliveryClosed(BrokerUnavailable):
    """The producer was closed before all messages were acknowledged."""


class KafkaDelivery:
    """Implements `ports.Delivery`. Create it in a running event loop; close it at the end."""

    def __init__(self, settings: StreamSettings) -> None:
        self._loop = asyncio.get_running_loop()
        self._producer = Producer(producer_options(settings, on_error=self._on_error))
        self._closed = threading.Event()
        self._waiting: set[_Sending] = set()
        self._away = False
        self._poller = threading.Thread(target=self._poll, name="afflux-delivery", daemon=True)
        self._poller.start()

    async def send(self, messages: Sequence[Message]) -> list[int]:
        """Offsets of the messages, once all are acknowledged.

        Raises DeliveryClosed, or BrokerUnavailable for a message that the broker refuses for good
        (too large, no such topic).
        """
        if not messages:
            return []
        sending = _Sending(self._loop, len(messages), self._finished)
        self._waiting.add(sending)
        try:
            for index, message in enumerate(messages):
                await self._produce(message, sending.callback(index))
            return await sending.done
        finally:
            self._waiting.discard(sending)

    async def close(self) -> None:
        """Wait shortly for what is under way; whatever is not acknowledged then, fails."""
        left = await asyncio.to_thread(self._producer.flush, 5.0)
        if left:
            log.warning("%d messages were not acknowledged before the end", left)
            self._producer.purge()
        self._closed.set()
        await asyncio.to_thread(self._poller.join)
        for sending in list(self._waiting):
            sending.fail(DeliveryClosed("the producer was closed"))

    async def _produce(self, message: Message, callback: Any) -> None:
        while True:
            if self._closed.is_set():
                raise DeliveryClosed("the producer was closed")
            try:
                produce(self._producer, message, callback)
                return
            except BufferError:
                await asyncio.sleep(_ROOM_SECONDS)

    def _poll(self) -> None:
        while not self._closed.is_set():
            self._producer.poll(_POLL_SECONDS)

    def _finished(self) -> None:
        if self._away:
            self._away = False
            log.info("Kafka takes messages again")

    def _on_error(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN and not self._away:
            self._away = True
            log.warning("Kafka takes no messages now (%s); they wait", error.str())


class _Sending:
    """Counts the acknowledgements of one send, in librdkafka's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, count: int, finished: Any) -> None:
        self.done: asyncio.Future[list[int]] = loop.create_future()
        self._loop, self._left, self._finished = loop, count, finished
        self._offsets = [-1] * count
        self._error: BrokerUnavailable | None = None

    def callback(self, index: int) -> Any:
        """To be called with (error, message) when the message at `index` was acknowledged."""

        def acknowledged(error: KafkaError | None, message: Any) -> None:
            if error is not None and self._error is None:
                self._error = BrokerUnavailable(f"{message.topic()}: {error.str()}")
            self._offsets[index] = message.offset()
            self._left -= 1
            if not self._left:
                self._loop.call_soon_threadsafe(self._end)

        return acknowledged

    def fail(self, error: BrokerUnavailable) -> None:
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
            self.done.set_result(self._offsets)


class BulkProducer:
    """For replays and the command line: synchronous, blocks while its buffer is full.

    bad: set to the last error once any message could not be delivered.
    """

    def __init__(self, settings: StreamSettings, buffered: int = 200_000) -> None:
        options = producer_options(settings)
        options |= {"linger.ms": 20, "queue.buffering.max.messages": buffered}
        self._producer = Producer(options)
        self.delivered = 0
        self.bad: BrokerUnavailable | None = None

    def produce(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
        timestamp: int | None = None,
        partition: int | None = None,
    ) -> None:
        """Hand over one message. timestamp: ms, None for now. Raises an earlier one's error."""
        message = Message(topic, key, value, partition, headers)
        while True:
            if self.bad is not None:
                raise self.bad
            try:
                produce(self._producer, message, self._acknowledged, timestamp)
                self._producer.poll(0)
                return
            except BufferError:
                self._producer.poll(_POLL_SECONDS)

    @property
    def pending(self) -> int:
        """Messages that are not acknowledged yet."""
        return len(self._producer)

    def flush(self, timeout: float | None = None) -> int:
        """Wait for all of them, or for at most so many seconds; returns how many are left."""
        until = None if timeout is None else monotonic() + timeout
        while len(self._producer) and (until is None or monotonic() < until):
            self._producer.flush(_POLL_SECONDS)
        if self.bad is not None:
            raise self.bad
        return len(self._producer)

    def _acknowledged(self, error: KafkaError | None, message: Any) -> None:
        if error is not None:
            self.bad = BrokerUnavailable(f"{message.topic()}: {error.str()}")
        else:
            self.delivered += 1


def produce(producer: Producer, message: Message, callback: Any, timestamp: Any = None) -> None:
    """Hand one message to librdkafka. Raises BufferError when its buffer is full."""
    options: dict[str, Any] = {}
    if message.partition is not None:
        options["partition"] = message.partition
    if timestamp is not None:
        options["timestamp"] = timestamp
    if message.headers:
        options["headers"] = list(message.headers)
    producer.produce(message.topic, message.value, message.key, on_delivery=callback, **options)


def producer_options(settings: StreamSettings, on_error: Any = None) -> dict[str, Any]:
    """Librdkafka's options for all of our producers."""
    options: dict[str, Any] = {
        **settings.librdkafka(),
        "acks": "all",
        "enable.idempotence": True,
        # What Java's and aiokafka's producers do; librdkafka's own default is another hash.
        "partitioner": "murmur2_random",
        "linger.ms": settings.linger_ms,
        "compression.type": settings.compression,
        "message.timeout.ms": 0,  # for ever
        "queue.buffering.max.messages": 500_000,
    }
    if on_error is not None:
        options["error_cb"] = on_error
    return quiet_librdkafka(options)
