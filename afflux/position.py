"""Where a shard stands in its logs, with the exact counters of what it has folded.

A position is one string in the store. It is read together with the rows and written in the
same script, so state and position move together or not at all.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace

from afflux.codes import COUNTERS
from afflux.names import AffluxError

NONE_MS = -(2**62)
"""The watermark before the first event."""

NO_TOPIC = bytes(16)
"""Stands for the topic id where a shard has not begun with a topic."""

_HEAD = struct.Struct("<Q16sQHH")  # version, nonce, layout, topics, origins
_FENCE = struct.Struct("<Q16s")
_TOPIC = struct.Struct("<16sqqqIxxxx")  # topic id, offset, W, pending W, pending identity hash
_COUNTS = struct.Struct("<3Q")
_COUNTED = 0x8000
"""Set in the number of topics where each of them is followed by counts of its own."""
_ORIGIN = struct.Struct("<IIq")  # shard, rank, offset
_SOURCES = struct.Struct("<H")
_SOURCE = struct.Struct("<16sIqq")  # source, its partition, last number, append time of it
_COUNTERS = struct.Struct(f"<{COUNTERS}Q")

Sources = dict[tuple[bytes, int], tuple[int, int]]
"""(16 bytes of a source, its partition) -> (last number, append time of that record, ms)."""

FENCE = _FENCE.size
"""The first bytes (version and nonce) that a commit compares."""


class PositionError(AffluxError):
    """The stored position cannot be used: a foreign layout or a damaged string."""


@dataclass(frozen=True, slots=True)
class Watermark:
    """W of a partition, and a jump of more than a day that still waits for a second witness."""

    value: int = NONE_MS
    pending: int = NONE_MS
    witness: int = 0
    """murmur2 of the identity that proposed `pending`."""


@dataclass(frozen=True, slots=True)
class TopicPosition:
    """The next offset to fold of one topic partition."""

    topic_id: bytes
    """Kafka's 16-byte topic id: a topic made anew has another one."""
    offset: int
    watermark: Watermark = Watermark()
    """Of topics with records, not events: the newest timestamp that was folded."""
    counts: tuple[int, int, int] = (0, 0, 0)
    """Records that were accepted, rejected, and left aside because their data set was disabled.
    Of the events topic zeros: what the counters have beyond those of all other topics."""


@dataclass(frozen=True, slots=True)
class Position:
    """All of `p:{shard}`.

    `topics` is indexed by the numbers of the data sets' topics, `NO_TOPIC` where the shard has
    not begun with one; `origins` holds, per origin shard of derived control records, the last
    (offset, rank) that was folded; `sources`, the last number of each source that numbers its
    records (`afflux/sources.py`). Without sources the stored form is that of before there were any.

    >>> p = Position(layout=7, topics=(TopicPosition(b"t" * 16, 42),))
    >>> Position.decode(p.encode()) == p
    True
    """

    layout: int
    topics: tuple[TopicPosition, ...]
    version: int = 0
    nonce: bytes = bytes(16)
    counters: tuple[int, ...] = (0,) * COUNTERS
    origins: dict[int, tuple[int, int]] = field(default_factory=dict)
    sources: Sources = field(default_factory=dict)

    def encode(self) -> bytes:
        """The stored form; the first `FENCE` bytes are version and nonce."""
        counted = any(map(_has_counts, self.topics))
        topics = len(self.topics) | (_COUNTED if counted else 0)
        parts = [
            _HEAD.pack(self.version, self.nonce, self.layout, topics, len(self.origins)),
            _COUNTERS.pack(*self.counters),
        ]
        parts += [
            _TOPIC.pack(
                t.topic_id, t.offset, t.watermark.value, t.watermark.pending, t.watermark.witness
            )
            for t in self.topics
        ]
        if counted:
            parts += [_COUNTS.pack(*t.counts) for t in self.topics]
        parts += [
            _ORIGIN.pack(shard, rank, offset)
            for shard, (offset, rank) in sorted(self.origins.items())
        ]
        if self.sources:
            parts.append(_SOURCES.pack(len(self.sources)))
            parts += [_SOURCE.pack(*name, *last) for name, last in sorted(self.sources.items())]
        return b"".join(parts)

    @property
    def fence(self) -> bytes:
        """What a commit compares: the first `FENCE` bytes of the stored form."""
        return _FENCE.pack(self.version, self.nonce)

    @staticmethod
    def decode(data: bytes) -> Position:
        """The position from its stored form.

        Raises PositionError when the string is cut or has another size than it declares.
        """
        try:
            version, nonce, layout, n_topics, n_origins = _HEAD.unpack_from(data, 0)
            at = _HEAD.size
            counters = _COUNTERS.unpack_from(data, at)
            at += _COUNTERS.size
            topics = []
            for _ in range(n_topics & ~_COUNTED):
                topic_id, offset, w, pending, witness = _TOPIC.unpack_from(data, at)
                topics.append(TopicPosition(topic_id, offset, Watermark(w, pending, witness)))
                at += _TOPIC.size
            if n_topics & _COUNTED:
                for i, topic in enumerate(topics):
                    topics[i] = replace(topic, counts=_COUNTS.unpack_from(data, at))
                    at += _COUNTS.size
            origins = {}
            for _ in range(n_origins):
                shard, rank, offset = _ORIGIN.unpack_from(data, at)
                origins[shard] = (offset, rank)
                at += _ORIGIN.size
            sources: Sources = {}
            if at < len(data):
                (n_sources,) = _SOURCES.unpack_from(data, at)
                at += _SOURCES.size
                for _ in range(n_sources):
                    source, partition, number, seen = _SOURCE.unpack_from(data, at)
                    sources[source, partition] = (number, seen)
                    at += _SOURCE.size
        except struct.error as error:
            raise PositionError(f"position of {len(data)} bytes is cut short: {error}") from None
        if at != len(data):
            raise PositionError(f"position has {len(data)} bytes, its header says {at}")
        return Position(layout, tuple(topics), version, nonce, counters, origins, sources)

    def next(self, nonce: bytes) -> Position:
        """The same place under the next version, written by `nonce`."""
        return replace(self, version=self.version + 1, nonce=nonce)

    def at(self, number: int) -> TopicPosition | None:
        """Where the shard stands in a topic; None where it has not begun with it.

        >>> Position(7, (TopicPosition(b"t" * 16, 42),)).at(5) is None
        True
        """
        if number >= len(self.topics) or self.topics[number].topic_id == NO_TOPIC:
            return None
        return self.topics[number]

    def begun(self, topics: dict[int, TopicPosition]) -> Position:
        """With these topics begun, by their number, where they were not.

        >>> Position(7, ()).begun({1: TopicPosition(b"t" * 16, 42)}).topics[0].offset
        0
        """
        new = {number: topic for number, topic in topics.items() if self.at(number) is None}
        if not new:
            return self
        size = max(len(self.topics), max(new) + 1)
        all_topics = [*self.topics, *[_NOT_BEGUN] * (size - len(self.topics))]
        for number, topic in new.items():
            all_topics[number] = topic
        return replace(self, topics=tuple(all_topics))


_NOT_BEGUN = TopicPosition(NO_TOPIC, 0)


def _has_counts(topic: TopicPosition) -> bool:
    return topic.counts != (0, 0, 0)
