"""Arrow columns of decoded events to NumPy: what the rules look at, then what the core folds.

A field that the writer schema does not have reads as its default, so records of older and newer
writers come out alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

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
from streams.arrow_numpy import (
    booleans,
    child,
    codes_of,
    column,
    doubles,
    elements,
    lengths,
    longs,
    nested,
    take,
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
    order = nested(batch, "commerce", "order")
    items, item_row = elements(column(batch, "productListItems"), n)
    entries, entry_row = elements(column(batch, "identityMap"), n)
    plain = child(entries, "key")
    keys = plain.dictionary_encode()
    members, entry = elements(child(entries, "value"), len(entries))
    first = np.searchsorted(entry, np.arange(len(entries))).astype(np.int32)
    names = child(members, "id")
    joined = pc.binary_join_element_wise(take(plain, entry), names, ":")
    row = entry_row[entry]
    total, has_total = doubles(child(order, "priceTotal"), n)
    price, has_price = doubles(child(items, "priceTotal"), len(items))
    event_type = column(batch, "eventType")
    ids = column(batch, "_id")
    candidates = Candidates(
        timestamp=longs(column(batch, "timestamp"), n),
        append_time=append_time,
        id_length=lengths(ids, n),
        text_length={
            "/eventType": lengths(event_type, n),
            "/commerce/order/purchaseID": lengths(child(order, "purchaseID"), n),
            "/commerce/order/currencyCode": lengths(child(order, "currencyCode"), n),
        },
        identity_row=row,
        identity_length=lengths(names, len(members)),
        namespace=codes_of(keys)[entry],
        identity_rank=np.arange(len(entry), dtype=np.int32) - first[entry],
        namespaces=keys.dictionary.to_pylist(),
        entry_row=entry_row,
        entry_namespace=codes_of(keys),
        order_total=total,
        has_order_total=has_total,
        item_row=item_row,
        item_total=price,
        has_item_total=has_price,
        item_quantity=longs(child(items, "quantity"), len(items)),
        item_text_length={"SKU": lengths(child(items, "SKU"), len(items))},
    )
    flags = booleans(child(members, "primary"), len(members))
    return DecodedEvents(candidates, ids, joined, _primary(row, flags, n), _kinds(event_type, n))


def select(events: DecodedEvents, rows: I64, valid: Bool) -> EventPart:
    """The valid rows; `rows` is the place of each row in the record batch."""
    candidates, keep = events.candidates, np.flatnonzero(valid)
    primary = take(events.identities, events.primary[keep]).dictionary_encode()
    ids = texts(take(events.ids, keep))
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
        identity=codes_of(primary),
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
    names = texts(take(events.identities, element))
    owners = texts(take(events.identities, events.primary[row[element]]))
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
    return np.array(kinds, np.uint8)[codes_of(encoded)]  # -1, null, is the last one
