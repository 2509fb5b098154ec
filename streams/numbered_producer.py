"""Produces numbered records of sources as fast as librdkafka takes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat
from time import monotonic
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from afflux.names import AffluxError
from streams.errors import BrokerUnavailable
from streams.numbering import number_header
from streams.producing import failure, producer_options
from streams.settings import StreamSettings

_POLL_SECONDS = 0.1
_BUFFERED = 50_000
_BUFFERED_KB = 256 << 10


class NumberedProducer:
    """Synchronous, for one thread, in order: a record that is there has all before it there.

    The producer is idempotent, so what reaches a partition is always a beginning of what was sent
    to it; acknowledgements are heard of only where there are none.
    """

    def __init__(self, settings: StreamSettings, topic: str) -> None:
        options = producer_options(settings)
        options |= {
            "linger.ms": 50,
            "queue.buffering.max.messages": _BUFFERED,
            "queue.buffering.max.kbytes": _BUFFERED_KB,
            "delivery.report.only.error": True,
        }
        self._producer = Producer(options)
        self._topic = topic
        self._error: AffluxError | None = None

    def send(
        self,
        keys: Sequence[bytes | None],
        values: Sequence[bytes | None],
        numbers: Iterable[tuple[bytes, int, int]],
        partitions: Sequence[int] | None = None,
    ) -> None:
        """Hand over records; blocks while the buffer is full.

        numbers: (source, its partition, number) of each. partitions: of the topic, that of the
        key if not given. Raises MessageRefused or BrokerUnavailable, also of earlier ones.
        """
        produce, topic, failed = self._producer.produce, self._topic, self._failed
        places = repeat(-1) if partitions is None else partitions
        for key, value, number, partition in zip(keys, values, numbers, places, strict=False):
            headers: list[tuple[str, str | bytes | None]] = [number_header(*number)]
            while True:
                try:
                    produce(topic, value, key, partition, failed, headers=headers)
                    break
                except BufferError:
                    self._producer.poll(_POLL_SECONDS)
                    self._check()
                except KafkaException as error:
                    raise failure(topic, error.args[0]) from error
        self._producer.poll(0)
        self._check()

    def flush(self, timeout_s: float | None = None) -> int:
        """Wait until all is acknowledged, or for so long; how many are not.

        timeout_s: without progress. Raises MessageRefused or BrokerUnavailable.
        """
        left, until = len(self._producer), None if timeout_s is None else monotonic() + timeout_s
        while left and (until is None or monotonic() < until):
            self._producer.flush(_POLL_SECONDS)
            self._check()
            now_left = len(self._producer)
            if now_left < left and timeout_s is not None:
                until = monotonic() + timeout_s
            left = now_left
        return left

    def finish(self, timeout_s: float) -> None:
        """Wait until all is acknowledged. Raises BrokerUnavailable after so long without any."""
        left = self.flush(timeout_s)
        if left:
            raise BrokerUnavailable(
                f"Kafka did not take {left:,} records in {timeout_s:g} s: run it again to go on"
            )

    def _failed(self, error: KafkaError | None, message: Any) -> None:
        if error is not None and self._error is None:
            self._error = failure(message.topic(), error)

    def _check(self) -> None:
        if self._error is not None:
            raise self._error
