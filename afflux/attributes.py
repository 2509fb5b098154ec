"""Record data sets: the attributes of an identity, from whole records and from patches.

The last whole record counts, by (timestamp, offset). A patch sets some attributes and removes
others; of each name the last word counts, and it counts if it is not older than the whole record.
Whole records and patches come by different topics. A row keeps what either topic has said last,
without what the other has made void for good, so it is the same bytes in whatever order and
rhythm the two are folded.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from afflux.names import AffluxError, Identity
from afflux.outcome import Rejected

Value = str | int | float | bool
Facts = Mapping[str, tuple[int, Value]]
"""Of each attribute since when it is known, ms, and its value."""

MOST_PATCHED = 200
"""Names that a row remembers patches of: the newest. What is beyond them is as if never said."""


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
class AttributePatch:
    """A change of some attributes of an identity; the others stay as they are."""

    offset: int
    timestamp: int
    """When it became true, ms."""
    identity: Identity
    upsert: Mapping[str, Value]
    """No NaN or infinity."""
    remove: Sequence[str] = ()
    """Not in `upsert`."""


@dataclass(frozen=True, slots=True)
class AttributeBatch:
    """Consecutive records [base, end) of one partition of a record data set's topic."""

    topic: int
    """Its number in positions."""
    base: int
    end: int
    records: Sequence[AttributeRecord | AttributePatch]
    rejected: Sequence[Rejected] = ()


class _Word(NamedTuple):
    """What a patch said last of one name."""

    timestamp: int
    offset: int
    value: Value | None = None
    """None: it is removed."""


@dataclass(slots=True)
class _Row:
    """A stored row, readable."""

    record: AttributeRecord | None = None
    patches: dict[str, _Word] = field(default_factory=dict)

    def put(self, record: AttributeRecord | AttributePatch) -> None:
        """The later word stays."""
        if isinstance(record, AttributeRecord):
            best = self.record
            if best is None or (record.timestamp, record.offset) > (best.timestamp, best.offset):
                self.record = record
            return
        said: dict[str, Value | None] = {**record.upsert, **dict.fromkeys(record.remove)}
        for name, value in said.items():
            word, there = _Word(record.timestamp, record.offset, value), self.patches.get(name)
            if there is None or word[:2] > there[:2]:
                self.patches[name] = word

    def settle(self, deleted_at: int) -> None:
        """Without what is void, now and for good: the form in which rows are compared."""
        if self.record is not None and self.record.timestamp <= deleted_at:
            self.record = None
        oldest = deleted_at + 1
        if self.record is not None:
            oldest = max(oldest, self.record.timestamp)
        kept = {name: word for name, word in self.patches.items() if word.timestamp >= oldest}
        if len(kept) > MOST_PATCHED:
            newest = sorted(kept, key=lambda name: (*kept[name][:2], name))[-MOST_PATCHED:]
            kept = {name: kept[name] for name in newest}
        self.patches = kept


def fold_attributes(
    stored: bytes | None, records: Iterable[AttributeRecord | AttributePatch], deleted_at: int
) -> bytes:
    """The stored form after `records`; b"" when nothing is known.

    What is not after `deleted_at` is not known, so the result does not depend on how deletes and
    records interleave.

    >>> a = AttributeRecord(3, 10, Identity(b"crm:1"), {"age": 30})
    >>> fold_attributes(None, [a], 0)
    b'{"attributes":{"age":30},"offset":3,"timestamp":10}'
    >>> fold_attributes(fold_attributes(None, [a], 0), [], 10)
    b''
    >>> older = AttributePatch(0, 9, Identity(b"crm:1"), {"city": "Ulm"})
    >>> newer = AttributePatch(1, 11, Identity(b"crm:1"), {"city": "Bonn"}, ["age"])
    >>> row = fold_attributes(None, [newer, a, older], 0)
    >>> row == fold_attributes(fold_attributes(None, [older, newer], 0), [a], 0)
    True
    >>> read_attributes(row)
    {'city': 'Bonn'}
    """
    row = _parse(stored) if stored else _Row()
    for record in records:
        row.put(record)
    row.settle(deleted_at)
    content: dict[str, Any] = {}
    if row.record is not None:
        content = {
            "attributes": dict(row.record.attributes),
            "offset": row.record.offset,
            "timestamp": row.record.timestamp,
        }
    if row.patches:
        content["patches"] = {
            name: word[:2] if word.value is None else word for name, word in row.patches.items()
        }
    if not content:
        return b""
    return json.dumps(
        content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def read_attributes(stored: bytes | None) -> dict[str, Value]:
    """The attributes in their stored form; none from None or b"". Raises AttributesError."""
    return {name: value for name, (_, value) in stored_facts(stored).items()}


def stored_facts(stored: bytes | None) -> Facts:
    """The attributes in their stored form, each with its time. Raises AttributesError.

    >>> stored_facts(b'{"attributes":{"age":30},"offset":3,"timestamp":10}')
    {'age': (10, 30)}
    """
    if not stored:
        return {}
    row = _parse(stored)
    facts: dict[str, tuple[int, Value]] = {}
    if row.record is not None:
        at = row.record.timestamp
        facts = {name: (at, value) for name, value in row.record.attributes.items()}
    for name, word in row.patches.items():
        if word.value is None:
            facts.pop(name, None)
        else:
            facts[name] = word.timestamp, word.value
    return facts


def _parse(stored: bytes) -> _Row:
    try:
        content = json.loads(stored)
        patches = {name: _Word(*word) for name, word in content.get("patches", {}).items()}
        if "attributes" not in content and patches:
            return _Row(None, patches)
        record = AttributeRecord(
            content["offset"], content["timestamp"], Identity(b""), content["attributes"]
        )
        return _Row(record, patches)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise AttributesError(f"attributes of {len(stored)} bytes are damaged: {error}") from None
