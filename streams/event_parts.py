"""Parts of a batch, one a writer schema, to the one `EventColumns` that the core folds."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from afflux.columns import I32, I64, U8, Bool, EventColumns, empty_events
from afflux.mentions import joined
from afflux.names import Identity
from afflux.shards import murmur2
from streams.event_columns import EventPart
from streams.records import RecordBatch

T = TypeVar("T", bound=Hashable)


def assemble(parts: Sequence[EventPart], records: RecordBatch) -> EventColumns:
    """The events of all parts in offset order."""
    parts = [p for p in parts if len(p.row)]
    if not parts:
        return empty_events()
    part = parts[0] if len(parts) == 1 else _merge(parts)
    return EventColumns(
        offset=records.offsets[part.row],
        timestamp=part.timestamp,
        append_time=records.timestamps[part.row],
        identity=part.identity,
        identities=[Identity(i) for i in part.identities],
        identity_hash=murmur2(part.identities),
        id_hash=part.id_hash,
        event_ids=[i.decode() for i in part.ids],
        kind=part.kind,
        code=part.code,
        amount=part.amount,
        quantity=part.quantity,
        link_event=part.link_event,
        link_identity=part.link_identity,
        link_names=[Identity(i) for i in part.links],
        mentions=part.mentions,
        type_of=part.type_of,
        type_names=part.type_names,
    )


def keep(events: EventColumns, rows: Bool) -> EventColumns:
    """The events of a mask, and of the identities only those that they name."""
    taken = events.take(rows)
    identity, used = recode(taken.identity)
    link_identity, linked = recode(taken.link_identity)
    return replace(
        taken,
        identity=identity,
        identities=[events.identities[i] for i in used],
        identity_hash=events.identity_hash[np.array(used, np.int64)],
        link_identity=link_identity,
        link_names=[events.link_names[i] for i in linked],
    )


def recode(codes: I32) -> tuple[I32, list[int]]:
    """Codes counted from 0 in order of first appearance, and the old code of each new one.

    >>> recode(np.array([7, 3, 7], np.int32))
    (array([0, 1, 0], dtype=int32), [7, 3])
    """
    used, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty(len(used), np.int32)
    place[order] = np.arange(len(used), dtype=np.int32)
    return place[inverse].astype(np.int32), used[order].tolist()


def _merge(parts: Sequence[EventPart]) -> EventPart:
    row = np.concatenate([p.row for p in parts])
    order = np.argsort(row)
    place = np.empty(len(row), np.int32)
    place[order] = np.arange(len(row), dtype=np.int32)
    starts = np.cumsum([0, *(len(p.row) for p in parts)])
    identity, identities = _unify([(p.identity, p.identities) for p in parts])
    codes, used = recode(identity[order])
    link_event = np.concatenate([p.link_event + s for p, s in zip(parts, starts, strict=False)])
    link_event = place[link_event]
    link_order = np.argsort(link_event, kind="stable")
    links, names = _unify([(p.link_identity, p.links) for p in parts])
    link_codes, linked = recode(links[link_order])
    ids = [i for p in parts for i in p.ids]
    types, type_names = _unify([(_typed(p), p.type_names) for p in parts])
    return EventPart(
        row=row[order],
        timestamp=np.concatenate([p.timestamp for p in parts])[order],
        id_hash=np.concatenate([p.id_hash for p in parts])[order],
        ids=[ids[i] for i in order.tolist()],
        kind=np.concatenate([p.kind for p in parts])[order],
        code=_codes(parts, order),
        amount=np.concatenate([p.amount for p in parts])[order],
        quantity=np.concatenate([p.quantity for p in parts])[order],
        identity=codes,
        identities=[identities[i] for i in used],
        link_event=link_event[link_order],
        link_identity=link_codes,
        links=[names[i] for i in linked],
        mentions=joined([p.mentions for p in parts], [len(p.row) for p in parts]).moved(place),
        type_of=types[order],
        type_names=type_names,
    )


def _codes(parts: Sequence[EventPart], order: I64) -> U8 | None:
    if all(p.code is None for p in parts):
        return None
    return np.concatenate([p.kind if p.code is None else p.code for p in parts])[order]


def _typed(part: EventPart) -> I32:
    return np.full(len(part.row), -1, np.int32) if part.type_of is None else part.type_of


def _unify(parts: Sequence[tuple[I32, Sequence[T]]]) -> tuple[I32, list[T]]:
    """Codes of all parts into one list of names."""
    known: dict[T, int] = {}
    codes: list[I32] = []
    for part, words in parts:
        for word in words:
            known.setdefault(word, len(known))
        table = np.array([*map(known.__getitem__, words), -1], np.int32)
        codes.append(table[part])
    return np.concatenate(codes), list(known)
