"""The columns that every data set is brought into before it becomes Avro."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

ITEM = pa.struct(
    {
        "SKU": pa.string(),
        "name": pa.string(),
        "quantity": pa.int64(),
        "priceTotal": pa.float64(),
        "category": pa.string(),
    }
)

EVENTS = pa.schema(
    {
        "id": pa.string(),
        "timestamp": pa.int64(),
        "type": pa.string(),
        "person": pa.string(),
        "order": pa.string(),
        "total": pa.float64(),
        "items": pa.list_(ITEM),
        "campaign": pa.string(),
        "campaign_group": pa.string(),
        "code": pa.string(),
        "promotion": pa.string(),
        "page": pa.string(),
        "section": pa.string(),
        "tags": pa.list_(pa.string()),
    }
)
"""One event a row; what an event lacks is null (its items are an empty list).

page, section, tags: of the page that was looked at."""


@dataclass(frozen=True)
class DataSet:
    """A data set in event order.

    events: a table with the schema `EVENTS`, by ascending timestamp (ms). attributes: of a
    person, text values by name. note: what a reader must know of where it comes from.
    """

    name: str
    title: str
    note: str
    namespace: str
    events: pa.Table
    attributes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    currency: str | None = "USD"

    def head(self, events: int | None) -> DataSet:
        """The first `events` events, with the attributes of all people."""
        if events is None or events >= self.events.num_rows:
            return self
        return DataSet(
            self.name, self.title, self.note, self.namespace, self.events.slice(0, events),
            self.attributes, self.currency,
        )  # fmt: skip


def table(rows: int, **columns: Any) -> pa.Table:
    """A table with the schema `EVENTS`; columns that are not given are null (no items)."""
    arrays = []
    for name in EVENTS.names:
        kind = EVENTS.field(name).type
        if name in columns:
            value = columns[name]
            arrays.append(value if isinstance(value, pa.Array) else pa.array(value, kind))
        elif name == "items":
            arrays.append(no_items(rows))
        else:
            arrays.append(pa.nulls(rows, kind))
    return pa.Table.from_arrays(arrays, schema=EVENTS)


def no_items(rows: int) -> pa.Array:
    """Empty lists of items."""
    return pa.ListArray.from_arrays(pa.array(np.zeros(rows + 1, np.int32)), pa.array([], ITEM))


def item_lists(offsets: NDArray[np.int32], **columns: pa.Array) -> pa.Array:
    """Lists of items: row r has the items offsets[r]..offsets[r + 1]."""
    arrays = [columns[f.name].cast(f.type) for f in ITEM]
    items = pa.StructArray.from_arrays(arrays, names=[f.name for f in ITEM])
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), items)


def in_order(tables: Sequence[pa.Table]) -> pa.Table:
    """All rows by timestamp; rows of the same millisecond stay in the order of `tables`."""
    merged = pa.concat_tables(tables).combine_chunks()
    order = np.argsort(merged["timestamp"].to_numpy(), kind="stable")
    return merged.take(pa.array(order)).combine_chunks()


def texts(values: pa.Array | pa.ChunkedArray, prefix: str = "") -> pa.Array:
    """Values as text with a prefix."""
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    text = values.cast(pa.string())
    return pc.binary_join_element_wise(prefix, text, "") if prefix else text
