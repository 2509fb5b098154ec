"""Rows or Arrow columns to framed values of one of our own contracts."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import fastavro
import pyarrow as pa

import schemas
from afflux.codes import Code
from afflux.names import AffluxError
from streams import pyruhvro_guard
from streams.avro_misfit import misfit
from streams.avro_rows import Misfit, arrow_type, to_arrow
from streams.avro_tree import ListOf, MapOf, Maybe, Node, OneOf, Record, Scalar, parse, wire_schema
from streams.framing import SINGLE_OBJECT, single_objects


class EncodeError(AffluxError):
    """A value does not fit its contract, or breaks one of its rules.

    Attributes:
        index: which of the values.
        pointer: JSON pointer to the field at fault, empty for the whole value.
        message: what is wrong.
        code: the rule, None where the value does not even have the contract's form.
    """

    def __init__(self, index: int, pointer: str, message: str, code: Code | None = None) -> None:
        super().__init__(f"value {index}: {pointer or '/'}: {message}")
        self.index = index
        self.pointer = pointer
        self.message = message
        self.code = code


class MessageWriter:
    """Encodes to the current version of a contract, in the single-object framing."""

    def __init__(self, contract: str, fast: bool = True) -> None:
        self._schema = schemas.load(contract)
        self.record: Record = parse(self._schema.json)
        self.arrow: pa.Schema = pa.schema(list(arrow_type(self.record)))
        self._writer = (
            pyruhvro_guard.Writer(self.record)
            if fast and pyruhvro_guard.available()
            else _FastavroWriter(self.record)
        )

    def columns(self, rows: Sequence[Mapping[str, Any]]) -> pa.RecordBatch:
        """Arrow columns of rows. Raises EncodeError with the first place that does not fit."""
        try:
            return to_arrow(self.record, rows)
        except Misfit as error:
            for index, row in enumerate(rows):
                place = misfit(self.record, row)
                if place is not None:
                    raise EncodeError(index, place.pointer, place.message) from None
            raise EncodeError(0, "", f"one of {len(rows)} values does not fit: {error}") from None

    def write(self, batch: pa.RecordBatch) -> list[bytes]:
        """One framed value a row. Raises EncodeError where the columns are not the contract's."""
        if not batch.num_rows:
            return []
        try:
            messages = self._writer.write(batch)
        except pyruhvro_guard.Undecodable as error:
            raise EncodeError(0, "", f"columns are not of {self._schema.name}: {error}") from None
        return single_objects(self._schema.fingerprint, messages)

    def write_few(self, rows: Sequence[Mapping[str, Any]]) -> list[bytes]:
        """The same of complete rows, one by one: for a handful of them columns cost more.

        Raises ValueError or TypeError where a row does not fit; nothing is checked beyond that.
        """
        head = SINGLE_OBJECT + self._schema.fingerprint
        values = []
        for row in rows:
            out = io.BytesIO()
            out.write(head)
            parsed: Any = self._schema.parsed
            fastavro.schemaless_writer(out, parsed, row)
            values.append(out.getvalue())
        return values


@cache
def writer(contract: str) -> MessageWriter:
    """The writer of a contract, made once."""
    return MessageWriter(contract)


class _FastavroWriter:
    """The same without pyruhvro, value by value."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._parsed: Any = fastavro.parse_schema(wire_schema(record))

    def write(self, batch: pa.RecordBatch) -> pa.BinaryArray:
        """One message a row."""
        return pa.array([self._message(row) for row in batch.to_pylist()], type=pa.binary())

    def _message(self, row: Mapping[str, Any]) -> bytes:
        out = io.BytesIO()
        fastavro.schemaless_writer(out, self._parsed, _explicit(self._record, row))
        return out.getvalue()


def _explicit(node: Node, value: Any) -> Any:
    """A value of Arrow as fastavro wants it: maps as dicts, branches of unions named."""
    match node:
        case Maybe(inner):
            return None if value is None else _explicit(inner, value)
        case OneOf(branches):
            return next((b.kind, value) for b in branches if _is_of(b, value))
        case ListOf(items):
            return [_explicit(items, v) for v in value]
        case MapOf(values):
            return {k: _explicit(values, v) for k, v in value}
        case Record(_, fields):
            return {f.name: _explicit(f.node, value[f.name]) for f in fields}
    return value


def _is_of(branch: Scalar, value: Any) -> bool:
    types = {"string": str, "long": int, "double": float, "float": float, "boolean": bool}
    return type(value) is types[branch.kind]
