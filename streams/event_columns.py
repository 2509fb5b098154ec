"""Arrow columns of decoded events to NumPy: what the rules look at, then what the core folds.

A field that the writer schema does not have reads as its default, so records of older and newer
writers come out alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from numpy.typing import NDArray

from afflux.candidates import Candidates, amounts, quantities
from afflux.columns import (
    F64,
    I32,
    I64,
    KIND_OF_EVENT_TYPE,
    U8,
    U64,
    Bool,
)
from streams.framing import texts

_KINDS = {name: int(kind) for name, kind in KIND_OF_EVENT_TYPE.items()}


@dataclass(frozen=True, slots=True)
class DecodedEvents:
    """Rows of one writer schema: candidates, and the texts that they were made from."""

    candidates: Candidates
    ids: pa.StringArray
    identities: pa.StringArray
    """`namespace:id` of element k of the ragged identities."""
    primary: I32
    """Element that is the primary identity of each row; -1 where there is none."""
    kind: U8


@dataclass(frozen=True, slots=True)
class EventPart:
    """Valid events of one writer schema. Texts as bytes; identities by code.

    row: place of each event in the record batch. `link_event` counts within this part.
    """

    row: I64
    timestamp: I64
    id_hash: U64
    ids: Sequence[bytes]
    kind: U8
    amount: F64
    quantity: F64
    identity: I32
    identities: Sequence[bytes]
    link_event: I32
    link_identity: I32
    links: Sequence[bytes]


def read_events(batch: pa.RecordBatch, append_time: I64) -> DecodedEvents:
    """Columns of all rows, before any rule. `append_time` is of each row."""
    n = batch.num_rows
    order = _path(batch, "commerce", "order")
    items, item_row = _list(_column(batch, "productListItems"), n)
    entries, entry_row = _list(_column(batch, "identityMap"), n)
    plain = _child(entries, "key")
    keys = plain.dictionary_encode()
    members, entry = _list(_child(entries, "value"), len(entries))
    first = np.searchsorted(entry, np.arange(len(entries))).astype(np.int32)
    names = _child(members, "id")
    joined = pc.binary_join_element_wise(_take(plain, entry), names, ":")
    row = entry_row[entry]
    total, has_total = _doubles(_child(order, "priceTotal"), n)
    price, has_price = _doubles(_child(items, "priceTotal"), len(items))
    event_type = _column(batch, "eventType")
    ids = _column(batch, "_id")
    candidates = Candidates(
        timestamp=_longs(_column(batch, "timestamp"), n),
        append_time=append_time,
        id_length=_lengths(ids, n),
        text_length={
            "/eventType": _lengths(event_type, n),
            "/commerce/order/purchaseID": _lengths(_child(order, "purchaseID"), n),
            "/commerce/order/currencyCode": _lengths(_child(order, "currencyCode"), n),
        },
        identity_row=row,
        identity_length=_lengths(names, len(members)),
        namespace=_codes(keys)[entry],
        identity_rank=np.arange(len(entry), dtype=np.int32) - first[entry],
        namespaces=keys.dictionary.to_pylist(),
        entry_row=entry_row,
        entry_namespace=_codes(keys),
        order_total=total,
        has_order_total=has_total,
        item_row=item_row,
        item_total=price,
        has_item_total=has_price,
        item_quantity=_longs(_child(items, "quantity"), len(items)),
        item_text_length={"SKU": _lengths(_child(items, "SKU"), len(items))},
    )
    flags = _booleans(_child(members, "primary"), len(members))
    return DecodedEvents(candidates, ids, joined, _primary(row, flags, n), _kinds(event_type, n))


def select(events: DecodedEvents, rows: I64, valid: Bool) -> EventPart:
    """The valid rows; `rows` is the place of each row in the record batch."""
    candidates, keep = events.candidates, np.flatnonzero(valid)
    primary = _take(events.identities, events.primary[keep]).dictionary_encode()
    ids = texts(_take(events.ids, keep))
    link_event, link_identity, links = _links(events, valid)
    with np.errstate(over="ignore", invalid="ignore"):
        amount, quantity = amounts(candidates)[keep], quantities(candidates)[keep]
    return EventPart(
        row=rows[keep],
        timestamp=candidates.timestamp[keep],
        id_hash=_hashes(ids),
        ids=ids,
        kind=events.kind[keep],
        amount=amount,
        quantity=quantity,
        identity=_codes(primary),
        identities=texts(primary.dictionary),
        link_event=link_event,
        link_identity=link_identity,
        links=links,
    )


def _primary(row: I32, flags: Bool, n: int) -> I32:
    """The first element with the flag, else the first of all."""
    primary = np.full(n, -1, np.int32)
    every = np.arange(len(row), dtype=np.int32)[::-1]
    primary[row[every]] = every  # of equal indices the last assignment stays: the first element
    flagged = every[flags[every]]
    primary[row[flagged]] = flagged
    return primary


def _links(events: DecodedEvents, valid: Bool) -> tuple[I32, I32, list[bytes]]:
    """Identities other than the primary one, each once an event, in their order."""
    row, none = events.candidates.identity_row, np.empty(0, np.int32)
    if len(row) <= len(valid) and not np.any(row[1:] == row[:-1]):
        return none, none, []
    place = np.cumsum(valid, dtype=np.int32) - 1
    others = valid[row] & (np.arange(len(row)) != events.primary[row])
    element = np.flatnonzero(others)
    names = texts(_take(events.identities, element))
    owners = texts(_take(events.identities, events.primary[row[element]]))
    codes: dict[bytes, int] = {}
    seen: set[tuple[int, bytes]] = set()
    links: list[tuple[int, int]] = []
    for event, name, owner in zip(place[row[element]].tolist(), names, owners, strict=True):
        if name != owner and (event, name) not in seen:
            seen.add((event, name))
            links.append((event, codes.setdefault(name, len(codes))))
    pairs = np.array(links, np.int32).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1], list(codes)


def _hashes(ids: Sequence[bytes]) -> U64:
    hashes = np.fromiter(map(xxhash.xxh3_64_intdigest, ids), np.uint64, len(ids))
    hashes[hashes == 0] = 1
    return hashes


def _kinds(event_type: pa.Array | None, n: int) -> U8:
    if event_type is None:
        return np.zeros(n, np.uint8)
    encoded = event_type.dictionary_encode()
    names = encoded.dictionary.to_pylist()
    kinds = [_KINDS.get(name, 0) for name in names] + [0]
    return np.array(kinds, np.uint8)[_codes(encoded)]  # -1, null, is the last one


def _codes(encoded: pa.DictionaryArray) -> I32:
    indices = encoded.indices.fill_null(-1) if encoded.indices.null_count else encoded.indices
    codes: I32 = indices.to_numpy()
    return codes


def _take(array: pa.Array, rows: NDArray[Any]) -> pa.Array:
    if len(rows) == len(array) and np.array_equal(rows, np.arange(len(rows))):
        return array
    return array.take(pa.array(rows))


def _column(batch: pa.RecordBatch, name: str) -> Any:
    index = batch.schema.get_field_index(name)
    return batch.column(index) if index >= 0 else None


def _child(array: Any, name: str) -> Any:
    if array is None:
        return None
    index = array.type.get_field_index(name)
    return array.field(index) if index >= 0 else None


def _path(batch: pa.RecordBatch, first: str, *rest: str) -> Any:
    array = _column(batch, first)
    for name in rest:
        array = _child(array, name)
    return array


def _list(array: pa.Array | None, n: int) -> tuple[pa.Array, I32]:
    """Elements of a list column, and the row of each one."""
    if array is None:
        return pa.array([], type=pa.struct([])), np.empty(0, np.int32)
    ends = _ends(array) if n else np.zeros(1, np.int32)
    values, used = array.values, int(ends[-1] - ends[0])
    if used != len(values):  # a slice of a longer column
        values = values.slice(int(ends[0]), used)
    return values, np.repeat(np.arange(n, dtype=np.int32), ends[1:] - ends[:-1])


def _ends(array: pa.Array) -> I32:
    """The n + 1 offsets of n texts or lists."""
    return np.frombuffer(array.buffers()[1], np.int32, len(array) + 1, 4 * array.offset)


def _lengths(array: pa.Array | None, n: int) -> I32:
    """Bytes of each text, -1 where null."""
    if array is None or not n:
        return np.full(n, -1, np.int32)
    ends = _ends(array)
    lengths = ends[1:] - ends[:-1]
    return np.where(_valid(array), lengths, np.int32(-1)) if array.null_count else lengths


def _valid(array: pa.Array) -> Bool:
    valid: Bool = array.is_valid().to_numpy(zero_copy_only=False)
    return valid


def _doubles(array: pa.Array | None, n: int) -> tuple[F64, Bool]:
    """Values, 0 where null, and where they are not null."""
    if array is None or not n:
        return np.zeros(n), np.zeros(n, np.bool_)
    values = np.frombuffer(array.buffers()[1], np.float64, n, 8 * array.offset)
    if not array.null_count:
        return values, np.ones(n, np.bool_)
    valid = _valid(array)
    return np.where(valid, values, 0.0), valid


def _longs(array: pa.Array | None, n: int) -> I64:
    if array is None or not n:
        return np.zeros(n, np.int64)
    values = np.frombuffer(array.buffers()[1], np.int64, n, 8 * array.offset)
    return np.where(_valid(array), values, np.int64(0)) if array.null_count else values


def _booleans(array: pa.Array | None, n: int) -> Bool:
    if array is None or not n:
        return np.zeros(n, np.bool_)
    values: Bool = array.to_numpy(zero_copy_only=False)
    return values
