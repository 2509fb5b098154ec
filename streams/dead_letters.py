"""Dead letters: produced before the commit that counts them, read and put back by operators."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from streams.admin import Admin
from streams.bad_records import BadRecord
from streams.bad_share import BadShare
from streams.consume import Record, TopicReader
from streams.dead_letter_codec import (
    DeadLetter,
    DeadLetterError,
    dead_letters,
    decode_dead_letter,
    encode_headers,
)
from streams.metrics import Metrics
from streams.ports import Delivery, Message
from streams.records import RecordBatch
from streams.settings import StreamSettings
from streams.topics import INPUT_TOPICS

__all__ = ["BadShare", "DeadLetters", "dead_letter_topics", "read_dead_letters", "source_record"]


class DeadLetters:
    """Sends the bad records of a batch to the dead-letter topic of its topic."""

    def __init__(self, delivery: Delivery, metrics: Metrics | None = None) -> None:
        self._delivery, self._metrics = delivery, metrics

    async def send(self, records: RecordBatch, bad: Sequence[BadRecord]) -> None:
        """Returns when all are acknowledged. A batch that is folded again sends them again."""
        if not bad:
            return
        letters = dead_letters(records, bad)
        topic = f"{records.topic}.dlq"
        await self._delivery.send(
            [Message(topic, d.key, d.value, None, encode_headers(d)) for d in letters]
        )
        if self._metrics is not None:
            for letter in letters:
                self._metrics.rejected.labels(letter.topic, letter.code.name).inc()


def dead_letter_topics(names: Iterable[str] | None = None) -> list[str]:
    """Dead-letter topics of these topics; of all input topics by default.

    >>> dead_letter_topics()
    ['experience-events.dlq', 'profile-attributes.dlq', 'profile-attribute-patches.dlq']
    """
    return [f"{name}.dlq" for name in names or [t.name for t in INPUT_TOPICS]]


def read_dead_letters(
    settings: StreamSettings, topics: Sequence[str] | None = None, admin: Admin | None = None
) -> Iterator[DeadLetter]:
    """All dead letters that are there now, each once, in no particular order over partitions.

    topics: dead-letter topics, all by default. Records that are no dead letters are left out.
    Raises BrokerUnavailable.
    """
    with TopicReader(settings, topics or dead_letter_topics(), admin=admin) as reader:
        yield from unique(reader.to_end())


def unique(records: Iterable[Record]) -> Iterator[DeadLetter]:
    """The dead letters in these records; of repeats (output is at least once) the first."""
    seen: set[tuple[str, int, int]] = set()
    for record in records:
        try:
            letter = decode_dead_letter(record.key, record.value, record.headers)
        except DeadLetterError:
            continue
        if letter.id not in seen:
            seen.add(letter.id)
            yield letter


def source_record(letter: DeadLetter) -> Message:
    """The record as it was before it was rejected, for its topic and the partition of its key."""
    return Message(letter.topic, letter.key, letter.value, None, letter.headers)
