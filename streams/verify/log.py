"""The log of one partition, read again from its start."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol

import numpy as np

from streams.admin import Admin
from streams.consume import Record, TopicReader
from streams.ports import LogRange
from streams.records import RecordBatch
from streams.settings import StreamSettings
from streams.topics import EXPERIENCE_EVENTS


class Log(Protocol):
    """Records of one partition of the events, in order."""

    @property
    def range(self) -> LogRange:
        """What the broker said when it was opened."""
        ...

    @property
    def end(self) -> int:
        """Everything below was read, or does not exist."""
        ...

    def read(self) -> RecordBatch | None:
        """The next records, None where none came within a moment."""
        ...


class KafkaLog:
    """A context manager. Raises BrokerUnavailable."""

    def __init__(self, settings: StreamSettings, partition: int, admin: Admin) -> None:
        topic = EXPERIENCE_EVENTS.name
        self._tp = (topic, partition)
        self._reader = TopicReader(settings, [topic], admin=admin, partitions={partition})

    @property
    def range(self) -> LogRange:
        """What the broker said when it was opened."""
        return self._reader.logs[self._tp]

    @property
    def end(self) -> int:
        """Everything below was read, or does not exist."""
        return self._reader.positions[self._tp]

    def read(self) -> RecordBatch | None:
        """The next records, None where none came within a moment."""
        base = self.end
        records = self._reader.read(0.5)
        return batch_of(records, base) if records else None

    def __enter__(self) -> KafkaLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._reader.close()


def batch_of(records: list[Record], base: int) -> RecordBatch:
    """Consecutive records of one partition as a batch from `base`."""
    first, last = records[0], records[-1]
    return RecordBatch(
        first.topic, first.partition, base, last.offset + 1, 0,
        np.array([r.offset for r in records], np.int64),
        np.array([r.timestamp for r in records], np.int64),
        [r.key for r in records], [r.value for r in records], [r.headers for r in records],
    )  # fmt: skip
