"""Record data sets: the attributes of an identity, last writer wins on the whole record."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from afflux.names import AffluxError, Identity
from afflux.outcome import Rejected

Value = str | int | float | bool
Facts = Mapping[str, tuple[int, Value]]
"""Of each attribute since when it is known, ms, and its value."""


class AttributesError(AffluxError):
    """Stored attributes are damaged."""


@dataclass(frozen=True, slots=True)
class AttributeRecord:
    """One whole record of an identity."""

    offset: int
    timestamp: int
    """When the record became true, ms."""
    identity: Identity
    attributes: Mapping[str, Value]
    """No NaN or infinity."""


@dataclass(frozen=True, slots=True)
class AttributeBatch:
    """Consecutive records [base, end) of one partition of a record data set's topic."""

    topic: int
    """Its number in positions."""
    base: int
    end: int
    records: Sequence[AttributeRecord]
    rejected: Sequence[Rejected] = ()


def fold_attributes(
    stored: bytes | None, records: Iterable[AttributeRecord], deleted_at: int
) -> bytes:
    """The stored form after `records`; b"" when nothing is known.

    The greatest (timestamp, offset) wins; what is not after `deleted_at` is not known, so the
    result does not depend on how deletes and records interleave.

    >>> a = AttributeRecord(3, 10, Identity(b"crm:1"), {"age": 30})
    >>> fold_attributes(None, [a], 0)
    b'{"attributes":{"age":30},"offset":3,"timestamp":10}'
    >>> fold_attributes(fold_attributes(None, [a], 0), [], 10)
    b''
    """
    best = _parse(stored) if stored else None
    for record in records:
        if best is None or (record.timestamp, record.offset) > (best.timestamp, best.offset):
            best = record
    if best is None or best.timestamp <= deleted_at:
        return b""
    content = {
        "attributes": dict(best.attributes),
        "offset": best.offset,
        "timestamp": best.timestamp,
    }
    return json.dumps(
        content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def read_attributes(stored: bytes | None) -> dict[str, Value]:
    """The attributes in their stored form; none from None or b"". Raises AttributesError."""
    return dict(_parse(stored).attributes) if stored else {}


def stored_facts(stored: bytes | None) -> Facts:
    """The attributes in their stored form, each with its time. Raises AttributesError.

    >>> stored_facts(b'{"attributes":{"age":30},"offset":3,"timestamp":10}')
    {'age': (10, 30)}
    """
    if not stored:
        return {}
    record = _parse(stored)
    return {name: (record.timestamp, value) for name, value in record.attributes.items()}


def _parse(stored: bytes) -> AttributeRecord:
    try:
        content = json.loads(stored)
        return AttributeRecord(
            content["offset"], content["timestamp"], Identity(b""), content["attributes"]
        )
    except (ValueError, KeyError, TypeError) as error:
        raise AttributesError(f"attributes of {len(stored)} bytes are damaged: {error}") from None
