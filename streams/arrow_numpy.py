"""Arrow columns to NumPy, with what a writer schema does not have as its default."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from afflux.columns import F64, I32, I64, Bool


def column(batch: pa.RecordBatch, name: str) -> Any:
    """A column by name; None where the writer has none."""
    index = batch.schema.get_field_index(name)
    return batch.column(index) if index >= 0 else None


def child(array: Any, name: str) -> Any:
    """A field of a struct column; None where the writer has none."""
    if array is None:
        return None
    index = array.type.get_field_index(name)
    return array.field(index) if index >= 0 else None


def nested(batch: pa.RecordBatch, first: str, *rest: str) -> Any:
    """A field of a field of a struct column."""
    array = column(batch, first)
    for name in rest:
        array = child(array, name)
    return array


def elements(array: pa.Array | None, n: int) -> tuple[pa.Array, I32]:
    """Elements of a list column, and the row of each one."""
    if array is None:
        return pa.array([], type=pa.struct([])), np.empty(0, np.int32)
    ends = text_ends(array) if n else np.zeros(1, np.int32)
    values, used = array.values, int(ends[-1] - ends[0])
    if used != len(values):  # a slice of a longer column
        values = values.slice(int(ends[0]), used)
    return values, np.repeat(np.arange(n, dtype=np.int32), ends[1:] - ends[:-1])


def text_ends(array: pa.Array) -> I32:
    """The n + 1 offsets of n texts or lists."""
    return np.frombuffer(array.buffers()[1], np.int32, len(array) + 1, 4 * array.offset)


def lengths(array: pa.Array | None, n: int) -> I32:
    """Bytes of each text, -1 where null."""
    if array is None or not n:
        return np.full(n, -1, np.int32)
    ends = text_ends(array)
    found = ends[1:] - ends[:-1]
    return np.where(_valid(array), found, np.int32(-1)) if array.null_count else found


def _valid(array: pa.Array) -> Bool:
    mask = array.buffers()[0]
    return np.ones(len(array), np.bool_) if mask is None else _bits(mask, array)


def _bits(buffer: pa.Buffer, array: pa.Array) -> Bool:
    """Arrow's own way to a NumPy array of bits imports pandas, 0.2 s at the first batch."""
    end = array.offset + len(array)
    bits = np.unpackbits(np.frombuffer(buffer, np.uint8), count=end, bitorder="little")
    return bits[array.offset :].view(np.bool_)


def doubles(array: pa.Array | None, n: int) -> tuple[F64, Bool]:
    """Values, 0 where null, and where they are not null."""
    if array is None or not n:
        return np.zeros(n), np.zeros(n, np.bool_)
    values = np.frombuffer(array.buffers()[1], np.float64, n, 8 * array.offset)
    if not array.null_count:
        return values, np.ones(n, np.bool_)
    valid = _valid(array)
    return np.where(valid, values, 0.0), valid


def longs(array: pa.Array | None, n: int) -> I64:
    """Values, 0 where null."""
    if array is None or not n:
        return np.zeros(n, np.int64)
    values = np.frombuffer(array.buffers()[1], np.int64, n, 8 * array.offset)
    return np.where(_valid(array), values, np.int64(0)) if array.null_count else values


def booleans(array: pa.Array | None, n: int) -> Bool:
    """Values; False where the writer has no such field."""
    if array is None or not n:
        return np.zeros(n, np.bool_)
    return _bits(array.buffers()[1], array)
