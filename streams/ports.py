"""What the Faust shell drives: a plane that owns partitions and folds their records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from typing import NamedTuple, Protocol

from afflux.names import AffluxError
from streams.records import Headers, RecordBatch

TP = tuple[str, int]
"""(topic, partition)."""


@dataclass(frozen=True, slots=True)
class LogRange:
    """What the broker says of a topic partition."""

    topic_id: bytes
    """16 bytes; derived from cluster id and name where the broker gives none."""
    start: int
    end: int
    """High watermark: the offset that the next record will get."""


class Rewind(AffluxError):
    """Raised by `Plane.process`: seek these topic partitions before going on."""

    def __init__(self, offsets: Mapping[TP, int], why: str) -> None:
        super().__init__(why)
        self.offsets = dict(offsets)


class StopPartition(AffluxError):
    """A partition must not go on (positions of another log, foreign layout, DLQ limit).

    The message names the commands that resolve it. The worker stops with exit code 3.
    """


class TopicsChanged(AffluxError):
    """Raised by `Plane.tick`: other topics are to be read, so the consumer is to be made anew."""


class Plane(Protocol):
    """Enrich or learn. All methods run in the worker's event loop.

    `assigned` and `process` may raise StoreUnavailable: the shell pauses the partitions, says
    so, retries with back-off, then calls `assigned` again, seeks and resumes.
    """

    @property
    def topics(self) -> Sequence[str]:
        """Input topics, co-partitioned."""
        ...

    async def assigned(self, logs: Mapping[TP, LogRange]) -> dict[TP, int]:
        """Take over these topic partitions; returns the offset to seek each one to."""
        ...

    async def process(self, records: RecordBatch) -> None:
        """Fold one batch; returns when it is committed and announced (or safely pipelined)."""
        ...

    async def revoked(self, partitions: Sequence[int]) -> None:
        """Finish or abandon what is in flight, then forget these partitions. At most 1.5 s."""
        ...

    async def tick(self) -> None:
        """Called about once a second: untouched shards, idle partitions, newer snapshots."""
        ...

    async def close(self) -> None:
        """Clean shutdown."""
        ...


class Message(NamedTuple):
    """A record to produce."""

    topic: str
    key: bytes | None
    value: bytes | None
    partition: int | None = None
    """None: by murmur2 of the key, as Java's producer does."""
    headers: Headers = ()


_of_five: Callable[[tuple[object, ...]], Message] = partial(tuple.__new__, Message)


def messages(topic: str, keys: Iterable[bytes], values: Iterable[bytes | None]) -> list[Message]:
    """Records of one topic without headers, partitioned by their keys; made without Python code.

    >>> messages("scores", [b"crm:1"], [b"..."]) == [Message("scores", b"crm:1", b"...")]
    True
    """
    return list(map(_of_five, zip(repeat(topic), keys, values, repeat(None), repeat(()))))


class Delivery(Protocol):
    """Produces with acks=all and idempotence."""

    async def send(self, messages: Sequence[Message]) -> dict[TP, int]:
        """Returns once all are acknowledged; retries until then or until closed.

        The result says where each topic partition goes on after these messages. Messages of one
        topic that stand together are handed over in one call.
        """
        ...
