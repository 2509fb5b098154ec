"""A data set of the demo as compact events, for evaluation."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from afflux.columns import KIND_OF_EVENT_TYPE, U64, Kind
from afflux.event_types import BUILT_IN, EventTypes
from afflux.names import Identity
from launcher.data.shape import DataSet
from launcher.evaluation.basket_log import ITEM, ItemRows, key_of
from launcher.evaluation.event_log import EVENT, EventsInMemory


def compact(data: DataSet, types: EventTypes = BUILT_IN) -> EventsInMemory:
    """All events of a data set, in its order. types: what models tell apart of event types."""
    table = data.events.combine_chunks()
    events = np.zeros(table.num_rows, EVENT)
    people = _codes(table["person"])
    names = _codes(table["type"])
    kinds = [types.codes.get(t, Kind.OTHER) for t in names.dictionary.to_pylist()]
    items = table["items"].combine_chunks()
    units = pc.fill_null(items.flatten().field("quantity"), 0).to_numpy().astype(np.float64)
    ends = np.concatenate([[0.0], np.cumsum(units)])
    at = items.offsets.to_numpy() - items.offsets[0].as_py()
    ids = table["id"].cast(pa.binary()).to_pylist()
    events["ts"] = table["timestamp"].to_numpy()
    events["id"] = [xxhash.xxh3_64_intdigest(i) or 1 for i in ids]
    events["amount"] = pc.fill_null(table["total"], 0.0).to_numpy()
    events["quantity"] = ends[at[1:]] - ends[at[:-1]]
    events["who"] = people.indices.to_numpy()
    events["kind"] = np.array(kinds, np.uint8)[names.indices.to_numpy()]
    who = people.dictionary.to_pylist()
    return EventsInMemory([Identity(f"{data.namespace}:{n}".encode()) for n in who], events)


def compact_items(data: DataSet) -> ItemRows:
    """Every line of all purchases, in the order of the data set."""
    table = data.events.combine_chunks()
    items = table["items"].combine_chunks()
    of = np.repeat(np.arange(table.num_rows), np.diff(items.offsets.to_numpy()))
    kinds = _codes(table["type"])
    bought = [KIND_OF_EVENT_TYPE.get(t) is Kind.PURCHASE for t in kinds.dictionary.to_pylist()]
    rows = np.zeros(len(of), ITEM)
    events = compact(data).events[of]
    for name in ("ts", "id", "who"):
        rows[name] = events[name]
    lines = items.flatten()
    rows["category"] = _hashes(lines.field("category"))
    rows["product"] = _hashes(lines.field("SKU"))
    found: ItemRows = rows[np.array(bought, np.bool_)[kinds.indices.to_numpy()][of]]
    return found


def _hashes(column: pa.Array) -> U64:
    """Of each text; 0 of what is null or empty."""
    coded = column.dictionary_encode()
    names = coded.dictionary.cast(pa.binary()).to_pylist()
    keys = np.array([key_of(name) for name in names] + [0], np.uint64)
    found: U64 = keys[pc.fill_null(coded.indices, len(names)).to_numpy()]
    return found


def _codes(column: pa.ChunkedArray) -> pa.DictionaryArray:
    coded = column.dictionary_encode().combine_chunks()
    return coded.chunk(0) if isinstance(coded, pa.ChunkedArray) else coded
