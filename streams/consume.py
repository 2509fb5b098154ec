"""Reads topics as a subscriber: no group, no committed offsets, from anywhere.

For the command line (`watch`, `rekey`, `dlq`) and for tests. Synchronous, one thread.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from types import TracebackType
from typing import Any, Literal

from confluent_kafka import Consumer, KafkaError
from confluent_kafka import TopicPartition as Partition

from streams.admin import Admin
from streams.errors import BrokerUnavailable
from streams.logs import quiet_librdkafka
from streams.ports import TP, LogRange
from streams.records import Headers
from streams.retriable import passes
from streams.settings import StreamSettings

_AT_ONCE = 500
_PATIENCE_S = 30.0
_OUTAGES = (
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._TRANSPORT,
    KafkaError._RESOLVE,
    KafkaError._TIMED_OUT,
)


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it is in the log."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    """Kafka's, ms since epoch."""
    key: bytes | None
    value: bytes | None
    headers: Headers


class TopicReader:
    """A context manager that reads all partitions of some topics, or the partitions named.

    start: "beginning", "end", or an offset for each topic partition (the beginning for those it
    does not name). Raises BrokerUnavailable when the broker is not there at the start; later
    outages are waited for. An answer that should pass by itself, but does not, is an error too.
    """

    def __init__(
        self,
        settings: StreamSettings,
        topics: Sequence[str],
        start: Literal["beginning", "end"] | Mapping[TP, int] = "beginning",
        admin: Admin | None = None,
        partitions: Container[int] | None = None,
    ) -> None:
        found = (admin or Admin(settings)).log_ranges(topics)
        logs = {tp: log for tp, log in found.items() if partitions is None or tp[1] in partitions}
        if start == "end":
            at = {tp: log.end for tp, log in logs.items()}
        elif start == "beginning":
            at = {tp: log.start for tp, log in logs.items()}
        else:
            at = {tp: max(start.get(tp, 0), log.start) for tp, log in logs.items()}
        self.logs: Mapping[TP, LogRange] = logs
        """What the broker said of each when the reader was made."""
        self.ends: dict[TP, int] = {tp: log.end for tp, log in logs.items()}
        """High watermarks when the reader was made."""
        self.positions: dict[TP, int] = dict(at)
        """Offset after the last record that was read, or known not to exist."""
        self._failing_since: float | None = None
        self._consumer = Consumer(_options(settings))
        self._consumer.assign([Partition(*tp, offset) for tp, offset in at.items()])

    def read(self, timeout: float = 1.0) -> list[Record]:
        """Up to 500 records, as soon as there is one, or none after `timeout` seconds."""
        records = []
        # `consume` with a timeout would wait for all 500.
        first = self._consumer.poll(timeout)
        found = [] if first is None else [first, *self._consumer.consume(_AT_ONCE - 1, 0)]
        for message in found:
            tp = (str(message.topic()), int(message.partition() or 0))
            error = message.error()
            if error is None:
                records.append(_record(message))
                self.positions[tp] = records[-1].offset + 1
            elif error.code() == KafkaError._PARTITION_EOF:
                self.positions[tp] = max(self.positions[tp], int(message.offset() or 0))
            elif not self._goes_on_after(error):
                raise BrokerUnavailable(error.str())
        if records:
            self._failing_since = None
        return records

    def _goes_on_after(self, error: KafkaError) -> bool:
        """Whether librdkafka tries again by itself, and has not done so for too long."""
        if error.code() in _OUTAGES:
            return True
        if error.fatal() or not passes(error):
            return False
        self._failing_since = self._failing_since or monotonic()
        return monotonic() - self._failing_since < _PATIENCE_S

    def to_end(self) -> Iterator[Record]:
        """All records up to where the logs ended when the reader was made."""
        for records in self.batches_to_end():
            yield from records

    def batches_to_end(self) -> Iterator[list[Record]]:
        """The same, some at a time, as they come."""
        while any(self.positions[tp] < end for tp, end in self.ends.items()):
            yield [r for r in self.read() if r.offset < self.ends[r.topic, r.partition]]

    @property
    def passed(self) -> dict[TP, int]:
        """Offset below which `to_end` has given all: records that came meanwhile are not given."""
        return {tp: min(offset, self.ends[tp]) for tp, offset in self.positions.items()}

    def close(self) -> None:
        """Release the connections."""
        self._consumer.close()

    def __enter__(self) -> TopicReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _options(settings: StreamSettings) -> dict[str, Any]:
    options: dict[str, Any] = {
        **settings.librdkafka(),
        "group.id": f"{settings.group}-reader",  # required, but never joined: we assign
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "earliest",
        "fetch.wait.max.ms": 50,
    }
    return quiet_librdkafka(options)


def _record(message: Any) -> Record:
    headers = tuple((name, value or b"") for name, value in message.headers() or ())
    return Record(
        message.topic(),
        message.partition(),
        message.offset(),
        message.timestamp()[1],
        message.key(),
        message.value(),
        headers,
    )
