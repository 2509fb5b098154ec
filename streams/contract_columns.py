"""Values of a topic as columns of its contract, whichever version wrote them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from afflux.columns import I64, Bool
from streams.avro_faults import Fault
from streams.columns_codec import CodecName
from streams.framing import writer_of
from streams.message_writer import writer
from streams.registry import Registry
from streams.writer_schemas import WriterSchemas


class ContractReader:
    """Reads values as one contract. Raises RegistryUnavailable as workers do."""

    def __init__(
        self, contract: str, registry: Registry | None = None, codec: CodecName = "auto"
    ) -> None:
        self._contract = contract
        self._writers = WriterSchemas(registry, codec)
        self._out = writer(contract)

    @property
    def shape(self) -> pa.Schema:
        """The columns of the contract's current version."""
        return self._out.arrow

    def read(self, values: Sequence[bytes | None]) -> tuple[I64, pa.RecordBatch]:
        """Places of the values that can be read, ascending, and their columns."""
        frames: dict[bytes, list[int]] = {}
        for i, value in enumerate(values):
            if value is not None and (frame := writer_of(value)):
                frames.setdefault(frame, []).append(i)
        places: list[I64] = []
        batches: list[pa.RecordBatch] = []
        for frame, rows in frames.items():
            found = self._writers.find(self._contract, frame)
            if isinstance(found, Fault):
                continue
            payloads = [(values[i] or b"")[len(frame) :] for i in rows]
            decoded = found.codec.decode(payloads)
            places.append(np.array(rows, np.int64)[decoded.rows])
            batches.append(in_shape(decoded.batch, self.shape))
        if not batches:
            return np.empty(0, np.int64), pa.RecordBatch.from_pylist([], schema=self.shape)
        if len(batches) == 1:
            return places[0], batches[0]
        every = np.concatenate(places)
        order = np.argsort(every)
        merged = pa.concat_batches(batches).take(pa.array(order))
        return every[order], in_shape(merged, self.shape)

    def is_exact(self, batch: pa.RecordBatch, values: Sequence[bytes | None]) -> Bool:
        """Which of the values are, byte by byte, what `write` makes of their columns."""
        written = self._out.write(batch)
        pairs = zip(written, values, strict=True)
        return np.fromiter((a == b for a, b in pairs), np.bool_, len(written))

    def write(self, batch: pa.RecordBatch) -> list[bytes]:
        """Values of columns in the shape of the contract."""
        return self._out.write(batch)


def in_shape(batch: pa.RecordBatch, shape: pa.Schema) -> pa.RecordBatch:
    """The same rows with the columns of `shape`; what is missing is null or empty."""
    arrays = [
        _fit(batch.column(f.name), f.type)
        if f.name in batch.schema.names
        else _absent(batch.num_rows, f.type)
        for f in shape
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=shape)


def _fit(value: pa.Array, kind: pa.DataType) -> pa.Array:
    if value.type == kind:
        return value
    if pa.types.is_struct(kind):
        parts = [
            _fit(value.field(f.name), f.type)
            if value.type.get_field_index(f.name) >= 0
            else _absent(len(value), f.type)
            for f in kind
        ]
        return pa.StructArray.from_arrays(parts, names=[f.name for f in kind], mask=value.is_null())
    if pa.types.is_map(kind):
        entries = value.values if not pa.types.is_map(value.type) else None
        keys = value.keys if entries is None else entries.field(0)
        items = value.items if entries is None else entries.field(1)
        return pa.MapArray.from_arrays(
            value.offsets, keys.cast(pa.string()), _fit(items, kind.item_type)
        )
    if pa.types.is_list(kind):
        return pa.ListArray.from_arrays(value.offsets, _fit(value.values, kind.value_type))
    if pa.types.is_union(kind):
        children = [_fit(value.field(i), f.type) for i, f in enumerate(kind)]
        return pa.UnionArray.from_sparse(value.type_codes, children, [f.name for f in kind])
    return value.cast(kind)


def _absent(rows: int, kind: pa.DataType) -> pa.Array:
    nothing = pa.array(np.zeros(rows + 1, np.int32))
    if pa.types.is_map(kind):
        return pa.MapArray.from_arrays(nothing, pa.array([], pa.string()), _empty(kind.item_type))
    if pa.types.is_list(kind):
        return pa.ListArray.from_arrays(nothing, _empty(kind.value_type))
    return pa.nulls(rows, kind)


def _empty(kind: pa.DataType) -> pa.Array:
    if pa.types.is_union(kind):
        children: list[Any] = [pa.array([], f.type) for f in kind]
        return pa.UnionArray.from_sparse(pa.array([], pa.int8()), children, [f.name for f in kind])
    return pa.array([], kind)
