"""Sorted rows of files as events in the shape that becomes Avro."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from afflux.columns import I64
from launcher.data.avro import to_contract
from launcher.data.shape import ITEM, DataSet, item_lists, table
from launcher.evaluation.mapping import Mapping
from streams.encoding import contract_schema, encode_event_columns

_PURCHASE = "commerce.purchases"
_DIGITS = 6
"""Sums of money are rounded so, as `afflux evaluate` does."""


@dataclass(frozen=True)
class Window:
    """Events that follow each other in time, encoded.

    keys, values: of each for Kafka. file: index of its file. stamps: event time, ms.
    """

    keys: list[bytes]
    values: list[bytes]
    file: NDArray[np.int16]
    stamps: I64

    def __len__(self) -> int:
        return len(self.values)


class EventMaker:
    """Makes events of windows. prefixes: of each file, for the ids of rows that have none."""

    def __init__(self, mapping: Mapping, prefixes: Sequence[str]) -> None:
        self._mapping, self._prefixes = mapping, pa.array(prefixes)
        self._shape = contract_schema("ExperienceEvent")
        self.repeats = 0
        """Rows that were alike in everything, and are left out."""

    def make(self, rows: pa.Table) -> Window:
        """Rows of whole times, in order."""
        rows = rows.combine_chunks()
        if self._mapping.duplicates == "drop" and self._mapping.transaction is None:
            first = _firsts(rows)
            self.repeats += rows.num_rows - int(first.sum())
            rows = rows.filter(pa.array(first))
        at = _firsts(rows).nonzero()[0] if self._mapping.transaction is not None else None
        data = self._data(rows, at)
        values = encode_event_columns(to_contract(data, self._shape), checked=False)
        heads = rows if at is None else rows.take(pa.array(at))
        head = f"{data.namespace}:".encode()
        people = data.events["person"].combine_chunks().cast(pa.binary()).to_pylist()
        return Window(
            [head + person for person in people], values, heads["file"].to_numpy(),
            data.events["timestamp"].to_numpy(),
        )  # fmt: skip

    def _data(self, rows: pa.Table, at: I64 | None) -> DataSet:
        m = self._mapping
        heads = rows if at is None else rows.take(pa.array(at))
        names = set(rows.column_names)
        columns: dict[str, Any] = {
            "timestamp": _one(heads, "ts"),
            "type": _one(heads, "type"),
            "person": _one(heads, "person"),
            "id": _one(heads, "name") if "name" in names else self._ids(heads),
        }
        for name in ("campaign", "campaign_group", "code", "promotion"):
            if name in names:
                columns[name] = _one(heads, name)
        if "amount" in names:
            columns["total"] = _totals(rows, at, columns["type"])
        if m.transaction is not None:
            columns["order"] = columns["id"]
        if names & {"sku", "category", "quantity"} or at is not None:
            columns["items"] = _items(rows, at)
        events = table(heads.num_rows, **columns)
        return DataSet("", "", "", m.identity.namespace, events, currency=m.currency)

    def _ids(self, rows: pa.Table) -> Any:
        prefix = self._prefixes.take(rows["file"].combine_chunks().cast(pa.int32()))
        return pc.binary_join_element_wise(prefix, _one(rows, "row").cast(pa.string()), "-")


def _firsts(rows: pa.Table) -> NDArray[np.bool_]:
    """Which rows are the first of their time, file and group."""
    first = np.ones(rows.num_rows, np.bool_)
    same = np.ones(max(0, rows.num_rows - 1), np.bool_)
    for name in ("ts", "file", "group"):
        column = rows[name].to_numpy()
        same &= column[1:] == column[:-1]
    first[1:] = ~same
    return first


def _totals(rows: pa.Table, at: I64 | None, types: Any) -> Any:
    """Money of each event; none where it is 0 and nothing was bought."""
    amount = rows["amount"].to_numpy()
    if at is not None:
        amount = np.round(np.add.reduceat(amount, at), _DIGITS) if len(at) else amount
    bought = pc.equal(types, _PURCHASE).to_numpy(zero_copy_only=False)
    return pa.array(amount, pa.float64(), mask=(amount == 0) & ~bought)


def _items(rows: pa.Table, at: I64 | None) -> Any:
    count = rows.num_rows
    starts = np.arange(count) if at is None else at
    offsets = np.append(starts, count).astype(np.int32)
    names = rows.column_names
    units: Any = pa.nulls(count, pa.int64())
    if "quantity" in names:
        units = pa.array(np.rint(rows["quantity"].to_numpy()).astype(np.int64))
    elif at is not None:
        units = pa.array(np.ones(count, np.int64))
    parts = {
        "SKU": _one(rows, "sku") if "sku" in names else pa.nulls(count, pa.string()),
        "name": pa.nulls(count, pa.string()),
        "quantity": units,
        "priceTotal": _one(rows, "amount") if "amount" in names else pa.nulls(count, pa.float64()),
        "category": _one(rows, "category") if "category" in names else pa.nulls(count, pa.string()),
    }
    assert set(parts) == {field.name for field in ITEM}
    return item_lists(offsets, **parts)


def _one(rows: pa.Table, name: str) -> Any:
    column = rows[name].combine_chunks()
    return column if isinstance(column, pa.Array) else column.chunk(0)
