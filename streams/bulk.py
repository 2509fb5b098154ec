"""Produces as fast as it goes, for replays and the command line."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic
from typing import Any

from confluent_kafka import KafkaError, Producer

from afflux.names import AffluxError
from streams.ports import Message
from streams.producing import failure, produce, producer_options
from streams.settings import StreamSettings

_POLL_SECONDS = 0.1
_LINGER_MS = 20


class BulkProducer:
    """Synchronous, for one thread; blocks while its buffer of `buffered` messages is full."""

    def __init__(self, settings: StreamSettings, buffered: int = 200_000) -> None:
        options = producer_options(settings)
        options |= {"linger.ms": _LINGER_MS, "queue.buffering.max.messages": buffered}
        self._producer = Producer(options)
        self.delivered = 0
        """Messages acknowledged so far."""
        self._error: AffluxError | None = None

    def produce(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
        timestamp: int | None = None,
        partition: int | None = None,
    ) -> None:
        """Hand over one message. timestamp: ms since epoch, None for now.

        Raises MessageRefused or BrokerUnavailable, also those of earlier messages.
        """
        message = Message(topic, key, value, partition, headers)
        while True:
            if self._error is not None:
                raise self._error
            try:
                produce(self._producer, message, self._acknowledged, timestamp)
            except BufferError:
                self._producer.poll(_POLL_SECONDS)
            else:
                self._producer.poll(0)
                return

    @property
    def pending(self) -> int:
        """Messages that are not acknowledged yet."""
        return len(self._producer)

    def flush(self, timeout: float | None = None) -> int:
        """Wait for all of them, or for so many seconds; returns how many are left.

        Raises MessageRefused or BrokerUnavailable.
        """
        until = None if timeout is None else monotonic() + timeout
        while len(self._producer) and (until is None or monotonic() < until):
            self._producer.flush(_POLL_SECONDS)
        if self._error is not None:
            raise self._error
        return len(self._producer)

    def _acknowledged(self, error: KafkaError | None, message: Any) -> None:
        if error is None:
            self.delivered += 1
        elif self._error is None:
            self._error = failure(message.topic(), error)
