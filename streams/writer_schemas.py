"""From the frame of a value to a codec for its writer schema, or why there is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import schemas
from afflux.codes import Code
from streams.avro_faults import Fault
from streams.avro_tree import Record, RefusedSchema, check_fits, parse
from streams.columns_codec import Codec, CodecName, open_codec
from streams.framing import CONFLUENT, schema_id_of
from streams.registry import Registry

Lookup = Callable[[bytes], schemas.Schema | None]
"""Fingerprint -> the schema with it."""

MAX_KEPT_FAULTS = 10_000


@dataclass(frozen=True, slots=True)
class WriterSchema:
    """A schema that records were written with, ready to read them as `contract`."""

    contract: str
    record: Record
    codec: Codec


class WriterSchemas:
    """Writer schemas by frame, each prepared once.

    A registered schema may be older or newer than ours as long as it is an additive version of
    the contract that is wanted; any other one is a fault of the records that name it.
    """

    def __init__(
        self,
        registry: Registry | None = None,
        codec: CodecName = "auto",
        lookup: Lookup = schemas.by_fingerprint,
    ) -> None:
        self._registry = registry
        self._codec: CodecName = codec
        self._lookup = lookup
        self._ready: dict[tuple[str, bytes], WriterSchema] = {}
        self._refused: dict[tuple[str, bytes], Fault] = {}

    def contract_of(self, frame: bytes) -> str:
        """Name of the contract of a single-object frame; "" for an unknown one or another frame."""
        found = None if frame[:1] == CONFLUENT else self._lookup(frame[2:])
        return found.name if found else ""

    def find(self, contract: str, frame: bytes) -> WriterSchema | Fault:
        """The schema of a frame, to read as `contract`. Raises RegistryUnavailable."""
        key = (contract, frame)
        if key in self._ready:
            return self._ready[key]
        if key in self._refused:
            return self._refused[key]
        text = self._text(frame)
        if isinstance(text, Fault):
            return text
        try:
            record = parse(text)
            if record.name != contract:
                raise RefusedSchema("", f"the record is named {record.name}")
            check_fits(record, parse(schemas.load(contract).json))
            found = WriterSchema(contract, record, open_codec(record, self._codec))
        except RefusedSchema as error:
            reason = f"schema {schema_id_of(frame)} is no {contract} that can be read: {error}"
            fault = Fault(Code.unknown_schema, "", reason)
            if len(self._refused) < MAX_KEPT_FAULTS:
                self._refused[key] = fault
            return fault
        self._ready[key] = found
        return found

    def _text(self, frame: bytes) -> str | Fault:
        name = schema_id_of(frame)
        if frame[:1] != CONFLUENT:
            schema = self._lookup(frame[2:])
            message = f"no schema has the fingerprint {name}"
            return schema.json if schema else Fault(Code.unknown_schema, "", message)
        if self._registry is None:
            message = "Confluent framing, but no schema registry is configured"
            return Fault(Code.unknown_schema, "", message)
        text = self._registry.schema(int(name))
        message = f"the schema registry has no Avro schema {name}"
        return text if text is not None else Fault(Code.unknown_schema, "", message)
