"""pyruhvro behind its guards. No other file imports it.

It decodes a batch of messages to Arrow 20 to 40 times as fast as fastavro, and is safe only so:

- schemas are written from our own tree (`avro_tree`): types that make it panic or that it cuts
  cannot be said there; what would blow up time or memory is refused by `check_size`;
- messages and batches have a size limit;
- `PanicException` is no Exception: everything is caught but what stops the process;
- it keeps every schema for ever: at most `MAX_SCHEMAS` are given to it;
- it does not check UTF-8: the Arrow batch is validated in full;
- it panics on columns that are slices of longer ones: those are copied first;
- it ignores trailing bytes: each message is decoded with one more double at its end, and where
  another number comes back than the random one that we appended, the length was wrong.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from streams.avro_tree import (
    Field,
    ListOf,
    MapOf,
    Maybe,
    Node,
    OneOf,
    Record,
    RefusedSchema,
    Scalar,
    pairs,
    wire_schema,
)

try:
    import pyruhvro as _pyruhvro
except ImportError:  # no wheel for this platform (musl)
    _pyruhvro = None

MAX_MESSAGE_BYTES = 16 << 20
MAX_BATCH_BYTES = 32 << 20
MAX_SCHEMAS = 500
MAX_EXPANSION = 8
"""Arrow values that one byte of a message may make, at most."""

MAX_COLUMNS = 2_000
"""Arrow values that a message makes even when it is empty."""

_NONCE = "afflux_nonce"
_known: set[str] = set()


class Undecodable(Exception):
    """At least one message of a batch is not good; pyruhvro does not say which."""


def available() -> bool:
    """Whether pyruhvro is installed."""
    return _pyruhvro is not None


class Reader:
    """Decodes messages of one writer schema. Raises RefusedSchema for one that is not safe."""

    def __init__(self, record: Record) -> None:
        check_size(record)
        flat = pairs(record)
        assert isinstance(flat, Record)
        nonce = Field(_NONCE, Scalar("double"), True)
        self._schema = _admit(Record(flat.name, (*flat.fields, nonce)))

    def read(self, payloads: Sequence[bytes]) -> tuple[pa.RecordBatch, NDArray[np.int64]]:
        """Arrow columns of messages (maps as lists of pairs), and the rows with trailing bytes.

        Raises Undecodable where any message is cut or damaged.
        """
        largest, total = max(map(len, payloads), default=0), sum(map(len, payloads))
        if largest > MAX_MESSAGE_BYTES or total > MAX_BATCH_BYTES:
            raise Undecodable(f"{total} bytes, the largest message has {largest}")
        nonce, number = _nonce()
        batch = _call("deserialize_array", [p + nonce for p in payloads], self._schema)
        try:
            batch.validate(full=True)
        except pa.ArrowInvalid as error:
            raise Undecodable(str(error)) from None
        last = batch.num_columns - 1
        if not payloads:
            return batch.select(range(last)), np.empty(0, np.int64)
        read = np.frombuffer(batch.column(last).buffers()[1], np.int64, len(payloads))
        return batch.select(range(last)), (read != number).nonzero()[0]


class Writer:
    """Encodes Arrow columns to messages of one schema."""

    def __init__(self, record: Record) -> None:
        self._schema = _admit(record)

    def write(self, batch: pa.RecordBatch) -> pa.BinaryArray:
        """One message a row; maps are Arrow maps. Raises Undecodable where columns do not fit."""
        if any(map(_sliced, batch.columns)):
            batch = _compact(batch)
        return _call("serialize_record_batch", batch, self._schema, 1)[0]


def _sliced(array: pa.Array) -> bool:
    if array.offset:
        return True
    kind = array.type
    if pa.types.is_struct(kind) or pa.types.is_union(kind):
        return any(_sliced(array.field(i)) for i in range(kind.num_fields))
    if pa.types.is_list(kind) or pa.types.is_map(kind):
        return _sliced(array.values)
    return False


def _compact(batch: pa.RecordBatch) -> pa.RecordBatch:
    """A copy whose buffers hold these rows only: Arrow's IPC format cuts slices."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    return pa.ipc.open_stream(sink.getvalue()).read_next_batch()


def check_size(record: Record) -> None:
    """Raise RefusedSchema where few bytes could make very many values.

    Elements of arrays and maps must take bytes, and not expand to more than MAX_EXPANSION
    values a byte: an array of nullable wide records makes all their columns from one byte each.
    """

    def look(node: Node, at: str) -> tuple[int, int]:
        match node:
            case Scalar(kind):
                return {"double": 8, "float": 4}.get(kind, 1), 1
            case Maybe(inner):
                return 1, look(inner, at)[1] + 1
            case OneOf(branches):
                return 2, len(branches)
            case ListOf(inner) | MapOf(inner):
                element(inner, f"{at}/*")
                return 1, 1
            case Record(_, fields):
                sizes = [look(f.node, f"{at}/{f.name}") for f in fields]
                return sum(b for b, _ in sizes), sum(v for _, v in sizes)

    def element(node: Node, at: str) -> None:
        size, values = look(node, at)
        if values > MAX_EXPANSION * size:
            raise RefusedSchema(at, f"an element of {size} bytes may make {values} values")

    if look(record, "")[1] > MAX_COLUMNS:
        raise RefusedSchema("", f"more than {MAX_COLUMNS} columns")


def _nonce() -> tuple[bytes, int]:
    """Eight random bytes that are a finite double, and the same bits as an integer."""
    (bits,) = struct.unpack("<q", os.urandom(8))
    bits &= ~(1 << 62)  # no exponent of all ones: not a NaN, whose bits a reader may change
    return struct.pack("<q", bits), bits


def _admit(record: Record) -> str:
    schema = json.dumps(wire_schema(record), separators=(",", ":"))
    if schema not in _known and len(_known) >= MAX_SCHEMAS:
        raise RefusedSchema("", f"this process already decodes {MAX_SCHEMAS} schemas")
    _known.add(schema)
    return schema


def _call(function: str, *arguments: Any) -> Any:
    if _pyruhvro is None:
        raise Undecodable("pyruhvro is not installed")
    try:
        return getattr(_pyruhvro, function)(*arguments)
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # PanicException is none of Python's Exceptions
        raise Undecodable(f"{type(error).__name__}: {error}") from None
