"""Values that we produce, all in Avro single-object encoding.

Producers give rows as dictionaries in the contract's own names, or Arrow columns. What breaks a
rule that a worker would reject is an `EncodeError` here, before anything is sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from afflux.candidates import NO_TIME
from afflux.findings import explain
from afflux.names import Identity
from afflux.validation import Rules, check
from streams.attribute_rows import NO_FIELDS, attribute_fault, patch_fault
from streams.control_codec import encode_control
from streams.event_columns import DecodedEvents, read_events
from streams.example_codec import decode_training_examples, encode_training_examples
from streams.framing import texts
from streams.message_writer import EncodeError, writer
from streams.score_encoding import encode_score_updates
from streams.updates import (
    DecodeError,
    decode,
    decode_any,
    decode_model_update,
    decode_score_updates,
)

__all__ = [
    "DecodeError",
    "EncodeError",
    "contract_schema",
    "decode",
    "decode_any",
    "decode_model_update",
    "decode_score_updates",
    "decode_training_examples",
    "encode_attributes",
    "encode_control",
    "encode_event_columns",
    "encode_events",
    "encode_model_update",
    "encode_patches",
    "encode_score_updates",
    "encode_training_examples",
    "primary_identities",
]


def encode_events(rows: Sequence[Mapping[str, Any]], checked: bool = True) -> list[bytes]:
    """Experience events from dictionaries; fields that are left out take their defaults.

    Raises EncodeError for the first row that has an unknown field, a wrong type, or breaks a
    rule; `checked=False` skips the rules (to make broken records on purpose). Rules about time
    are judged by the worker, against the record's own timestamp.
    """
    return encode_event_columns(writer("ExperienceEvent").columns(rows), checked)


def encode_event_columns(batch: pa.RecordBatch, checked: bool = True) -> list[bytes]:
    """Experience events from Arrow columns of the schema `contract_schema("ExperienceEvent")`."""
    if checked:
        _check(_read(batch), Rules())
    return writer("ExperienceEvent").write(batch)


def encode_attributes(
    rows: Sequence[Mapping[str, Any]],
    checked: bool = True,
    fields: Mapping[str, str] = NO_FIELDS,
) -> list[bytes]:
    """Attribute records from dictionaries. Raises EncodeError as `encode_events` does.

    fields: those that the data set declares; without any all attributes are taken.
    """
    batch = writer("ProfileAttributes").columns(rows)
    if checked:
        _check_owners(batch)
        for index, row in enumerate(rows):
            fault = attribute_fault(row.get("attributes", {}), fields)
            if fault is not None:
                raise EncodeError(index, fault.pointer, fault.message, fault.code)
    return writer("ProfileAttributes").write(batch)


def encode_patches(
    rows: Sequence[Mapping[str, Any]],
    checked: bool = True,
    fields: Mapping[str, str] = NO_FIELDS,
) -> list[bytes]:
    """Patches of attributes from dictionaries. Raises EncodeError as `encode_attributes` does."""
    batch = writer("ProfileAttributePatch").columns(rows)
    if checked:
        _check_owners(batch)
        for index, row in enumerate(rows):
            fault = patch_fault(row.get("upsert", {}), row.get("remove", ()), fields)
            if fault is not None:
                raise EncodeError(index, fault.pointer, fault.message, fault.code)
    return writer("ProfileAttributePatch").write(batch)


def primary_identities(batch: pa.RecordBatch) -> list[Identity | None]:
    """The primary identity of each row of event or attribute columns: its Kafka key."""
    events = _read(batch)
    names = texts(events.identities)
    return [Identity(names[k]) if k >= 0 else None for k in events.primary.tolist()]


def contract_schema(contract: str) -> pa.Schema:
    """The Arrow form of the current version of a contract."""
    return writer(contract).arrow


def encode_model_update(row: Mapping[str, Any]) -> bytes:
    """News of a snapshot, in the contract's own names. Raises EncodeError."""
    out = writer("ModelUpdate")
    return out.write(out.columns([row]))[0]


def _read(batch: pa.RecordBatch) -> DecodedEvents:
    return read_events(batch, np.full(batch.num_rows, NO_TIME, np.int64))


def _check_owners(batch: pa.RecordBatch) -> None:
    """The rules of events but for the id, which records have not."""
    events = _read(batch)
    known = np.ones(len(events.candidates), np.int32)
    _check(replace(events, candidates=replace(events.candidates, id_length=known)), Rules())


def _check(events: DecodedEvents, rules: Rules) -> None:
    codes = check(events.candidates, rules)
    for row in np.flatnonzero(codes).tolist():
        why = explain(events.candidates, rules, row)
        if why is not None:
            raise EncodeError(row, why.pointer, why.message, why.code)
