"""A data set as Avro bytes: columns to Arrow in the contract's shape, then all rows at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from launcher.data.shape import DataSet
from streams.encoding import contract_schema, encode_event_columns


def encode(data: DataSet) -> list[bytes]:
    """The events of a data set as framed Avro values, in its order."""
    return encode_event_columns(to_contract(data, contract_schema("ExperienceEvent")), False)


def to_contract(data: DataSet, shape: pa.Schema) -> pa.RecordBatch:
    """The events in the Arrow form of the contract ExperienceEvent.

    shape: the Arrow schema of the contract. What a data set does not know is null or empty.
    """
    events = data.events.combine_chunks()
    rows = events.num_rows
    column = {name: _one(events[name]) for name in events.column_names}
    known: dict[str, pa.Array] = {
        "_id": column["id"],
        "timestamp": column["timestamp"],
        "eventType": column["type"],
        "identityMap": _identities(data.namespace, column["person"]),
        "commerce": _commerce(column, data.currency),
        "productListItems": _lines(column["items"]),
        "marketing": _struct(
            {
                "campaignGroup": column["campaign_group"],
                "campaignName": column["campaign"],
                "trackingCode": column["code"],
            }
        ),
    }
    if column["page"].null_count < rows:
        known["web"] = _web(column)
    arrays = [
        _fit(known[field.name], field.type) if field.name in known else _absent(rows, field.type)
        for field in shape
    ]
    return pa.RecordBatch.from_arrays(arrays, names=shape.names)


def _one(column: pa.ChunkedArray) -> pa.Array:
    merged = column.combine_chunks()
    return merged if isinstance(merged, pa.Array) else merged.chunk(0)


def _each(rows: int) -> pa.Array:
    return pa.array(np.arange(rows + 1, dtype=np.int32))


def _identities(namespace: str, person: pa.Array) -> pa.Array:
    rows = len(person)
    item = _struct({"id": person, "primary": pa.array(np.ones(rows, np.bool_))})
    lists = pa.ListArray.from_arrays(_each(rows), item)
    return pa.MapArray.from_arrays(_each(rows), _constant(namespace, rows), lists)


def _commerce(column: dict[str, pa.Array], currency: str | None) -> pa.Array:
    order, total = column["order"], column["total"]
    nothing = pc.and_(order.is_null(), total.is_null())
    code = pa.nulls(len(order), pa.string())
    if currency is not None:
        code = _constant(currency, len(order), nothing)
    parts = {"purchaseID": order, "priceTotal": total, "currencyCode": code}
    return _struct({"order": _struct(parts), "promotionID": column["promotion"]})


def _web(column: dict[str, pa.Array]) -> pa.Array:
    page = {"name": column["page"], "siteSection": column["section"], "tags": column["tags"]}
    return _struct({"webPageDetails": _struct(page)})


def _constant(text: str, rows: int, absent: pa.Array | None = None) -> pa.Array:
    codes = pa.array(
        np.zeros(rows, np.int32),
        mask=None if absent is None else absent.to_numpy(zero_copy_only=False),
    )
    return pa.DictionaryArray.from_arrays(codes, pa.array([text])).cast(pa.string())


def _lines(items: pa.Array) -> pa.Array:
    flat = items.flatten()
    offsets = items.offsets.to_numpy() - items.offsets[0].as_py()
    lines = {name: flat.field(name) for name in ("SKU", "name", "quantity", "priceTotal")}
    lines["productCategories"] = _categories(flat.field("category"))
    return pa.ListArray.from_arrays(pa.array(offsets), _struct(lines, optional=False))


def _categories(names: pa.Array) -> pa.Array:
    """One category a line, none where it is not known."""
    known = names.is_valid().to_numpy(zero_copy_only=False)
    ends = np.concatenate([[0], np.cumsum(known)]).astype(np.int32)
    category = _struct({"categoryName": names.drop_null()}, optional=False)
    return pa.ListArray.from_arrays(pa.array(ends), category)


def _struct(parts: dict[str, pa.Array], optional: bool = True) -> pa.Array:
    """A struct; null where all its parts are."""
    mask = None
    if optional:
        absent = [part.is_null().to_numpy(zero_copy_only=False) for part in parts.values()]
        mask = pa.array(np.logical_and.reduce(absent))
    return pa.StructArray.from_arrays(list(parts.values()), names=list(parts), mask=mask)


def _fit(value: pa.Array, kind: pa.DataType) -> pa.Array:
    """`value` with the fields of `kind` in its order; missing ones are null."""
    if pa.types.is_struct(kind):
        names = [value.type.field(i).name for i in range(value.type.num_fields)]
        parts = [
            _fit(value.field(f.name), f.type) if f.name in names else _absent(len(value), f.type)
            for f in kind
        ]
        return pa.StructArray.from_arrays(parts, names=[f.name for f in kind], mask=value.is_null())
    if pa.types.is_map(kind):
        return pa.MapArray.from_arrays(value.offsets, value.keys, _fit(value.items, kind.item_type))
    if pa.types.is_list(kind):
        return pa.ListArray.from_arrays(value.offsets, _fit(value.values, kind.value_type))
    return value.cast(kind)


def _absent(rows: int, kind: pa.DataType) -> pa.Array:
    """Nothing: empty lists and maps, else nulls."""
    none = pa.array(np.zeros(rows + 1, np.int32))
    if pa.types.is_map(kind):
        return pa.MapArray.from_arrays(none, pa.array([], pa.string()), _empty(kind.item_type))
    if pa.types.is_list(kind):
        return pa.ListArray.from_arrays(none, _empty(kind.value_type))
    return pa.nulls(rows, kind)


def _empty(kind: pa.DataType) -> pa.Array:
    if pa.types.is_union(kind):
        children: list[Any] = [pa.array([], f.type) for f in kind]
        return pa.UnionArray.from_sparse(
            pa.array([], pa.int8()), children, field_names=[f.name for f in kind]
        )
    return pa.array([], kind)
