"""A decoder of the tests, and what it finds."""

from __future__ import annotations

from typing import Any

from streams.bad_records import Limits
from streams.decoding import BadRecord, Decoder
from streams.records import RecordBatch
from wire_cases import LIMITS, SECRET


def decoder(limits: Limits = LIMITS, **options: Any) -> Decoder:
    """A decoder of the tests."""
    return Decoder(limits, SECRET, **options)


def read(records: RecordBatch, at: Decoder | None = None) -> tuple[int, list[BadRecord]]:
    """How many good records there are, of any topic, and the bad ones."""
    at = at or decoder()
    if records.topic == "profile-attributes":
        attributes, bad = at.attributes(records)
        return len(attributes.records), bad
    if records.topic == "profile-attribute-patches":
        patches, bad = at.attributes(records, 2, contract="ProfileAttributePatch")
        return len(patches.records), bad
    events, bad = at.events(records)
    return len(events.events) + len(events.controls), bad
