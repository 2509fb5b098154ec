"""Arrow columns of decoded events to NumPy: what the rules look at, then what the core folds.

A field that the writer schema does not have reads as its default, so records of older and newer
writers come out alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import xxhash

from afflux.candidates import Candidates, amounts, quantities
from afflux.columns import F64, I32, I64, U8, U64, Bool
from afflux.event_types import BUILT_IN, EventTypes
from afflux.mentions import NO_MENTIONS, Mentions
from streams.arrow_numpy import (
    booleans,
    child,
    column,
    doubles,
    elements,
    lengths,
    longs,
    nested,
)
from streams.event_mentions import About, read_mentions
from streams.framing import texts

_FEW = 24
"""The codes of so few types are found faster one by one than as a dictionary."""


@dataclass(frozen=True, slots=True)
class DecodedEvents:
    """Rows of one writer schema: candidates, and the texts that they were made from."""

    candidates: Candidates
    ids: pa.StringArray
    names: Sequence[bytes]
    """`namespace:id` of element k of the ragged identities."""
    primary: I32
    """Element that is the primary identity of each row; -1 where there is none."""
    kind: U8
    about: About | None
    """None where no event can mention anything."""
    code: U8 | None = None
    """As `EventColumns.code`; so are the next two."""
    type_of: I32 | None = None
    type_names: Sequence[str] = ()

    @property
    def identities(self) -> pa.StringArray:
        """`names` as an Arrow column."""
        return pa.array(self.names, pa.string())


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
    mentions: Mentions
    code: U8 | None = None
    type_of: I32 | None = None
    type_names: Sequence[str] = ()


def read_events(
    batch: pa.RecordBatch, append_time: I64, types: EventTypes = BUILT_IN
) -> DecodedEvents:
    """Columns of all rows, before any rule. `append_time` is of each row."""
    n = batch.num_rows
    order = nested(batch, "commerce", "order")
    items, item_row = _items(column(batch, "productListItems"), n)
    entries, entry_row = elements(column(batch, "identityMap"), n)
    members, entry = elements(child(entries, "value"), len(entries))
    keys, identifiers = texts(child(entries, "key")), child(members, "id")
    namespaces: dict[bytes, int] = {}
    spaces = [namespaces.setdefault(key, len(namespaces)) for key in keys]
    row = entry_row[entry]
    total, has_total = doubles(_given(child(order, "priceTotal")), n)
    price, has_price = doubles(_given(child(items, "priceTotal")), len(item_row))
    event_type = column(batch, "eventType")
    ids = column(batch, "_id")
    candidates = Candidates(
        timestamp=longs(column(batch, "timestamp"), n),
        append_time=append_time,
        id_length=lengths(ids, n),
        text_length=_lengths(
            {
                "/eventType": event_type,
                "/commerce/order/purchaseID": child(order, "purchaseID"),
                "/commerce/order/currencyCode": child(order, "currencyCode"),
            }
        ),
        identity_row=row,
        identity_length=lengths(identifiers, len(members)),
        identity_entry=entry,
        entry_row=entry_row,
        entry_namespace=np.array(spaces, np.int32),
        namespaces=[key.decode() for key in namespaces],
        order_total=total,
        has_order_total=has_total,
        item_row=item_row,
        item_total=price,
        has_item_total=has_price,
        item_quantity=longs(_given(child(items, "quantity")), len(item_row)),
        item_text_length=_lengths({"SKU": child(items, "SKU")}),
    )
    names = _joined(keys, entry, texts(identifiers))
    primary = row if _is_one_each(row, n) else _primary(row, child(members, "primary"), n)
    details = _given(nested(batch, "web", "webPageDetails"))
    about = None if items is None and details is None else About(items, item_row, details)
    codes, type_of, names_of_types = _typed(event_type, n, types.codes)
    kind, code = types.split(codes)
    return DecodedEvents(
        candidates, ids, names, primary, kind, about, code, type_of, names_of_types
    )


def select(events: DecodedEvents, rows: I64, valid: Bool, interests: bool = True) -> EventPart:
    """The valid rows; `rows` is the place of each row in the record batch.

    interests: whether what the events are about is wanted.
    """
    candidates, names = events.candidates, events.names
    keep = slice(None) if np.count_nonzero(valid) == len(valid) else valid.nonzero()[0]
    ids = texts(events.ids)
    if not isinstance(keep, slice):
        ids = [ids[i] for i in keep.tolist()]
    codes: dict[bytes, int] = {}
    identity = [codes.setdefault(names[k], len(codes)) for k in events.primary[keep].tolist()]
    link_event, link_identity, links = _links(events, valid)
    return EventPart(
        row=rows[keep],
        timestamp=candidates.timestamp[keep],
        id_hash=_hashes(ids),
        ids=ids,
        kind=events.kind[keep],
        amount=amounts(candidates)[keep],
        quantity=quantities(candidates)[keep],
        identity=np.array(identity, np.int32),
        identities=list(codes),
        link_event=link_event,
        link_identity=link_identity,
        links=links,
        mentions=_mentions(events, valid) if interests else NO_MENTIONS,
        code=None if events.code is None else events.code[keep],
        type_of=None if events.type_of is None else events.type_of[keep],
        type_names=events.type_names,
    )


def _items(array: Any, n: int) -> tuple[Any, I32]:
    """Elements of the items and their rows; None where there is not one."""
    if array is None or not len(array.values):
        return None, np.empty(0, np.int32)
    return elements(array, n)


def _given(array: Any) -> Any:
    """None where every value is null: as good as a field that the writer does not have."""
    return None if array is None or array.null_count == len(array) else array


def _lengths(columns: Mapping[str, Any]) -> dict[str, I32]:
    """Lengths of the texts that are not null everywhere."""
    return {
        name: lengths(array, len(array))
        for name, array in columns.items()
        if _given(array) is not None
    }


def _joined(keys: Sequence[bytes], entry: I32, identifiers: Sequence[bytes]) -> list[bytes]:
    """`namespace:id` of each identifier; `entry` is the index of its namespace in `keys`."""
    heads = [key + b":" for key in keys]
    return [heads[e] + name for e, name in zip(entry.tolist(), identifiers, strict=True)]


def _is_one_each(row: I32, n: int) -> bool:
    """Whether elements of these rows (ascending) are exactly one a row of `n`."""
    return len(row) == n and (n == 1 or not np.count_nonzero(row[1:] == row[:-1]))


def _primary(row: I32, flag: Any, n: int) -> I32:
    """The first element with the flag, else the first of all."""
    flags = booleans(flag, len(row))
    primary = np.full(n, -1, np.int32)
    every = np.arange(len(row), dtype=np.int32)[::-1]
    primary[row[every]] = every  # of equal indices the last assignment stays: the first element
    flagged = every[flags[every]]
    primary[row[flagged]] = flagged
    return primary


def _links(events: DecodedEvents, valid: Bool) -> tuple[I32, I32, list[bytes]]:
    """Identities other than the primary one, each once an event, in their order."""
    row, names, none = events.candidates.identity_row, events.names, np.empty(0, np.int32)
    if _is_one_each(row, len(valid)):
        return none, none, []
    place = np.cumsum(valid, dtype=np.int32) - 1
    primary = events.primary[row]
    element = (valid[row] & (np.arange(len(row)) != primary)).nonzero()[0]
    at = zip(place[row[element]].tolist(), element.tolist(), primary[element].tolist(), strict=True)
    codes: dict[bytes, int] = {}
    seen: set[tuple[int, bytes]] = set()
    links: list[tuple[int, int]] = []
    for event, k, owner in at:
        name = names[k]
        if name != names[owner] and (event, name) not in seen:
            seen.add((event, name))
            links.append((event, codes.setdefault(name, len(codes))))
    pairs = np.array(links, np.int32).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1], list(codes)


def _mentions(events: DecodedEvents, valid: Bool) -> Mentions:
    if events.about is None:
        return NO_MENTIONS
    mentions = read_mentions(events.about, len(valid))
    if np.count_nonzero(valid) == len(valid):
        return mentions
    return mentions.moved(np.where(valid, np.cumsum(valid) - 1, -1))


def _hashes(ids: Sequence[bytes]) -> U64:
    hashes = np.fromiter(map(xxhash.xxh3_64_intdigest, ids), np.uint64, len(ids))
    if np.count_nonzero(hashes) < len(ids):
        hashes[hashes == 0] = 1
    return hashes


def _typed(
    event_type: pa.Array | None, n: int, codes: Mapping[str, int]
) -> tuple[U8, I32 | None, Sequence[str]]:
    """What models tell apart; the type as it was given by its place in the last, -1 for null."""
    if event_type is None:
        return np.zeros(n, np.uint8), None, ()
    if n < _FEW:
        known: dict[str, int] = {}
        said = event_type.to_pylist()
        place = [-1 if name is None else known.setdefault(name, len(known)) for name in said]
        names, of = list(known), np.array(place, np.int32)
    else:
        coded = event_type.dictionary_encode()
        names = coded.dictionary.to_pylist()
        of = coded.indices.fill_null(-1).to_numpy()
    found = np.array([*(codes.get(name, 0) for name in names), 0], np.uint8)
    return found[of], of, names
