"""Columns of a contract as Parquet has them, and back.

Two things differ. Times are timestamps (milliseconds, UTC), which every reader knows. A union, of
which Parquet knows nothing, is a struct with a field for each of its types, one of them set.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

TIMES = ("timestamp",)
"""Fields of the contracts that are times, long in Avro."""

STAMP = pa.timestamp("ms", "UTC")


def stored_schema(shape: pa.Schema) -> pa.Schema:
    """The columns in Parquet of a contract."""
    return pa.schema(
        [pa.field(f.name, STAMP if f.name in TIMES else _stored_type(f.type)) for f in shape]
    )


def to_stored(batch: pa.RecordBatch) -> list[pa.Array]:
    """Columns in the order of `stored_schema`."""
    schema = stored_schema(batch.schema)
    return [
        batch.column(f.name).cast(STAMP)
        if f.name in TIMES
        else _to_stored(batch.column(f.name), f.type)
        for f in schema
    ]


def from_stored(table: pa.Table, shape: pa.Schema) -> pa.RecordBatch:
    """Rows of Parquet in the shape of the contract; a table read as a whole, not a slice."""
    arrays = []
    for field in shape:
        column = table[field.name].combine_chunks()
        array = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
        arrays.append(
            array.cast(pa.int64()) if field.name in TIMES else _from_stored(array, field.type)
        )
    return pa.RecordBatch.from_arrays(arrays, schema=shape)


def _stored_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_union(kind) or pa.types.is_struct(kind):
        return pa.struct([pa.field(f.name, _stored_type(f.type)) for f in kind])
    if pa.types.is_map(kind):
        return pa.map_(pa.string(), _stored_type(kind.item_type))
    if pa.types.is_list(kind):
        return pa.list_(_stored_type(kind.value_type))
    return kind


def _to_stored(value: pa.Array, kind: pa.DataType) -> pa.Array:
    if value.type == kind:
        return value
    if pa.types.is_union(value.type):
        codes = value.type_codes.to_numpy()
        parts = [_only(value.field(i), codes == i) for i in range(value.type.num_fields)]
        return pa.StructArray.from_arrays(parts, names=[f.name for f in kind])
    if pa.types.is_struct(kind):
        parts = [_to_stored(value.field(f.name), f.type) for f in kind]
        return pa.StructArray.from_arrays(parts, names=[f.name for f in kind], mask=value.is_null())
    if pa.types.is_map(kind):
        return pa.MapArray.from_arrays(
            value.offsets, value.keys, _to_stored(value.items, kind.item_type)
        )
    return pa.ListArray.from_arrays(value.offsets, _to_stored(value.values, kind.value_type))


def _from_stored(value: pa.Array, kind: pa.DataType) -> pa.Array:
    if value.type == kind:
        return value
    if pa.types.is_union(kind):
        parts = [value.field(f.name).cast(f.type) for f in kind]
        codes = np.zeros(len(value), np.int8)
        for i, part in enumerate(parts):
            codes[part.is_valid().to_numpy(zero_copy_only=False)] = i
        return pa.UnionArray.from_sparse(pa.array(codes), parts, [f.name for f in kind])
    if pa.types.is_struct(kind):
        parts = [_from_stored(value.field(f.name), f.type) for f in kind]
        return pa.StructArray.from_arrays(parts, names=[f.name for f in kind], mask=value.is_null())
    if pa.types.is_map(kind):
        return pa.MapArray.from_arrays(
            value.offsets, value.keys.cast(pa.string()), _from_stored(value.items, kind.item_type)
        )
    if pa.types.is_list(kind):
        return pa.ListArray.from_arrays(value.offsets, _from_stored(value.values, kind.value_type))
    return value.cast(kind)


def _only(values: Any, chosen: Any) -> pa.Array:
    """The values that are chosen; null in place of the others."""
    import pyarrow.compute as pc

    return pc.if_else(pa.array(chosen), values, pa.scalar(None, values.type))
