"""Decoded attribute records and patches, row by row: there are no columns to gain."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from afflux.attributes import AttributePatch, AttributeRecord, Value
from afflux.candidates import Candidates
from afflux.codes import Code
from afflux.columns import I64
from afflux.datasets import misfit
from afflux.findings import escape, explain
from afflux.names import Identity
from afflux.validation import Rules, check
from streams.avro_faults import Fault
from streams.control_codec import parse_identity
from streams.event_columns import read_events
from streams.framing import texts
from streams.placeholders import placeholders

NO_FIELDS: Mapping[str, str] = {}

Said = AttributeRecord | AttributePatch
"""What a row is."""


def read_attributes(
    batch: pa.RecordBatch,
    offsets: I64,
    append_time: I64,
    rules: Rules,
    fields: Mapping[str, str] = NO_FIELDS,
    patches: bool = False,
) -> list[tuple[Identity | None, Said | Fault]]:
    """A record, a patch or a fault for each row, with the primary identity where one can be read.

    batch: of ProfileAttributes, or of ProfileAttributePatch if these are `patches`. fields: those
    that the data set declares; without any all attributes are taken.
    """
    events = read_events(batch, append_time)
    candidates = replace(events.candidates, id_length=np.ones(len(events.candidates), np.int32))
    rules = replace(rules, horizon_ms=1 << 60)
    codes = check(candidates, rules)
    nobody = placeholders(events, rules.placeholders)
    names = texts(events.identities)
    values = _column(batch, "upsert" if patches else "attributes")
    removed = _column(batch, "remove")
    found: list[tuple[Identity | None, Said | Fault]] = []
    for i, pairs in enumerate(values):
        owner = int(events.primary[i])
        identity = Identity(names[owner]) if owner >= 0 else None
        record: Said | Fault
        if codes[i] or identity is None:
            record = _rejected(candidates, rules, i, int(codes[i]))
        elif i in nobody:
            record = nobody[i]
        else:
            attributes = {p["key"]: p["value"] for p in pairs}
            timestamp = int(candidates.timestamp[i])
            made = AttributeRecord(int(offsets[i]), timestamp, identity, attributes)
            record = _checked(
                AttributePatch(made.offset, timestamp, identity, attributes, removed[i])
                if patches
                else made,
                fields,
            )
        found.append((identity, record))
    return found


def tombstone(key: bytes | None, offset: int, append_time: int) -> AttributeRecord | Fault:
    """What a null value says: since `append_time` nothing is known of the key's identity."""
    identity = parse_identity(key or b"")
    if identity is None:
        return Fault(Code.missing_identity, "", "a null value whose key is no namespace:id")
    return AttributeRecord(offset, append_time, identity, {})


def _rejected(candidates: Candidates, rules: Rules, row: int, code: int) -> Fault:
    bad = explain(candidates, rules, row)
    if bad is None:
        return Fault(Code(code), "", Code(code).name)
    return Fault(bad.code, bad.pointer, bad.message)


def _checked(record: Said, fields: Mapping[str, str]) -> Said | Fault:
    if record.timestamp <= 0:
        return Fault(Code.timestamp_horizon, "/timestamp", "not after 1970-01-01")
    if isinstance(record, AttributePatch):
        return patch_fault(record.upsert, record.remove, fields) or record
    return attribute_fault(record.attributes, fields) or record


def _column(batch: pa.RecordBatch, name: str) -> list[Any]:
    """Empty values where an older writer does not have it."""
    place = batch.schema.get_field_index(name)
    return batch.column(place).to_pylist() if place >= 0 else [[]] * batch.num_rows


def patch_fault(
    upsert: Mapping[str, Value], remove: Sequence[str], fields: Mapping[str, str] = NO_FIELDS
) -> Fault | None:
    """Why a patch cannot be folded; None if it can."""
    if not upsert and not remove:
        return Fault(Code.invalid_attributes, "/upsert", "a patch that changes nothing")
    for i, name in enumerate(remove):
        if not name:
            return Fault(Code.invalid_attributes, f"/remove/{i}", "an attribute has no name")
        if name in upsert:
            why = f"{name} is in upsert, too: one of the two"
            return Fault(Code.invalid_attributes, f"/remove/{i}", why)
    return attribute_fault(upsert, fields, "upsert")


def attribute_fault(
    attributes: Mapping[str, Value],
    fields: Mapping[str, str] = NO_FIELDS,
    within: str = "attributes",
) -> Fault | None:
    """The first attribute that cannot be kept; None if all can."""
    for name, value in attributes.items():
        pointer = f"/{within}/{escape(name)}"
        if not name:
            return Fault(Code.invalid_attributes, pointer, "an attribute has no name")
        if isinstance(value, float) and not math.isfinite(value):
            return Fault(Code.invalid_attributes, pointer, f"{value} is not a finite number")
        why = misfit(fields, name, value)
        if why:
            return Fault(Code.invalid_attributes, pointer, why)
    return None
