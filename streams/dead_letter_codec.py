"""A rejected record and why, as a record of a dead-letter topic and back.

Key and value are those of the source record. Our headers are named `afflux-dlq-<field>`, with
the fields of the contract DeadLetterHeaders; the record's own headers follow as they were, in
their order, so that a replay can put the very same record back. One whose name could be taken
for ours gets `afflux-dlq-original-` before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from afflux.codes import Code
from afflux.names import AffluxError
from streams.bad_records import BadRecord
from streams.records import Headers, RecordBatch

PREFIX = "afflux-dlq-"
ORIGINAL = f"{PREFIX}original-"
_TEXTS = ("pointer", "message", "topic", "schema")
_NUMBERS = ("partition", "offset", "timestamp")


class DeadLetterError(AffluxError):
    """A record that is no dead letter of ours."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One rejected record: what it was, where it lay, and why it was rejected."""

    code: Code
    pointer: str
    """JSON pointer to the field at fault, empty for the whole record."""
    message: str
    topic: str
    partition: int
    offset: int
    timestamp: int
    """Of the source record, ms."""
    schema: str
    """Writer schema: registry id, or 0x and the fingerprint, or empty."""
    key: bytes | None
    value: bytes | None
    headers: Headers
    """The source record's own."""

    @property
    def id(self) -> tuple[str, int, int]:
        """Repeats of a dead letter (output is at least once) have the same."""
        return self.topic, self.partition, self.offset


def dead_letters(records: RecordBatch, found: Sequence[BadRecord]) -> list[DeadLetter]:
    """The bad records of a batch as dead letters."""
    place = {int(offset): i for i, offset in enumerate(records.offsets)}
    return [_dead_letter(records, place[bad.offset], bad) for bad in found]


def _dead_letter(records: RecordBatch, i: int, bad: BadRecord) -> DeadLetter:
    return DeadLetter(
        code=bad.code,
        pointer=bad.pointer,
        message=bad.message,
        topic=records.topic,
        partition=records.partition,
        offset=bad.offset,
        timestamp=int(records.timestamps[i]),
        schema=bad.schema_id,
        key=records.keys[i],
        value=records.values[i],
        headers=tuple(records.headers[i]),
    )


def encode_headers(letter: DeadLetter) -> list[tuple[str, bytes]]:
    """All headers of the record in the dead-letter topic."""
    ours = [("code", letter.code.name)]
    ours += [(name, getattr(letter, name)) for name in _TEXTS]
    ours += [(name, str(getattr(letter, name))) for name in _NUMBERS]
    encoded = [(PREFIX + name, text.encode("utf-8", "replace")) for name, text in ours]
    return [*encoded, *((_escaped(name), value) for name, value in letter.headers)]


def decode_dead_letter(key: bytes | None, value: bytes | None, headers: Headers) -> DeadLetter:
    """The dead letter in a record. Raises DeadLetterError where our headers are not there."""
    ours = {
        name.removeprefix(PREFIX): content
        for name, content in headers
        if name.startswith(PREFIX) and not name.startswith(ORIGINAL)
    }
    own = [
        (name.removeprefix(ORIGINAL), content)
        for name, content in headers
        if name.startswith(ORIGINAL) or not name.startswith(PREFIX)
    ]
    try:
        numbers = {name: int(ours[name]) for name in _NUMBERS}
        texts = {name: ours[name].decode("utf-8", "replace") for name in _TEXTS}
        code = Code[ours["code"].decode()]
    except (KeyError, ValueError, AttributeError) as error:
        raise DeadLetterError(f"no dead letter: {type(error).__name__} {error}") from None
    return DeadLetter(
        code=code,
        pointer=texts["pointer"],
        message=texts["message"],
        topic=texts["topic"],
        partition=numbers["partition"],
        offset=numbers["offset"],
        timestamp=numbers["timestamp"],
        schema=texts["schema"],
        key=key,
        value=value,
        headers=tuple(own),
    )


def _escaped(name: str) -> str:
    return f"{ORIGINAL}{name}" if name.startswith(PREFIX) else name
