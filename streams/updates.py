"""What subscribers read: single values of our contracts as dictionaries."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import fastavro

import schemas
from afflux.names import AffluxError
from streams.avro_faults import Walker
from streams.avro_tree import RefusedSchema, parse
from streams.framing import SINGLE_OBJECT, schema_id_of, writer_of
from streams.registry import Registry


class DecodeError(AffluxError):
    """A value that is not one of ours; the message says why."""


def decode(contract: str, value: bytes) -> dict[str, Any]:
    """A value of a contract, as its current version has it. Raises DecodeError."""
    schema, payload = _schema_of(value)
    if schema.name != contract:
        raise DecodeError(f"a {schema.name} where a {contract} is due")
    reader: Any = schemas.load(contract).parsed
    return _read(schema, payload, reader)


def decode_any(value: bytes, registry: Registry | None = None) -> tuple[str, dict[str, Any]]:
    """A value of whatever schema its frame names: the schema's name and the fields.

    Raises DecodeError, RegistryUnavailable.
    """
    schema, payload = _schema_of(value, registry)
    return schema.name, _read(schema, payload, None)


def decode_score_updates(values: Sequence[bytes]) -> list[dict[str, Any]]:
    """Values of `score-updates`. Of two of one key the greater `update_order` is the newer."""
    return [decode("ScoreUpdate", value) for value in values]


def decode_model_update(value: bytes) -> dict[str, Any]:
    """A value of `model-updates`."""
    return decode("ModelUpdate", value)


def update_order(update: Mapping[str, Any]) -> tuple[int, int]:
    """What orders the updates of one key, so that subscribers keep the greatest.

    >>> update_order({"positionOffset": 7, "positionVersion": 3})
    (7, 3)
    """
    return update["positionOffset"], update["positionVersion"]


def _schema_of(value: bytes, registry: Registry | None = None) -> tuple[schemas.Schema, bytes]:
    frame = writer_of(value)
    if not frame:
        raise DecodeError("neither Avro single-object encoding nor Confluent framing")
    if frame[:2] == SINGLE_OBJECT:
        schema = schemas.by_fingerprint(frame[2:])
    else:
        text = registry.schema(int(schema_id_of(frame))) if registry else None
        schema = _registered(text) if text is not None else None
    if schema is None:
        raise DecodeError(f"schema {schema_id_of(frame)} is unknown")
    return schema, value[len(frame) :]


@cache
def _registered(text: str) -> schemas.Schema:
    try:
        return schemas.schema_from_json(parse(text).name, text)
    except (RefusedSchema, ValueError, fastavro.schema.SchemaParseException) as error:
        raise DecodeError(f"the registered schema cannot be used: {error}") from None


@cache
def _walker(text: str) -> Walker:
    return Walker(parse(text))


def _read(schema: schemas.Schema, payload: bytes, reader: Any) -> dict[str, Any]:
    fault = _walker(schema.json).fault(payload)
    if fault is not None:
        where = f" at {fault.pointer}" if fault.pointer else ""
        raise DecodeError(f"{fault.code.name}{where}: {fault.message}")
    writer: Any = schema.parsed
    fields: Any = fastavro.schemaless_reader(io.BytesIO(payload), writer, reader)
    return dict(fields)
