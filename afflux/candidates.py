"""Decoded records before the rules: columns of what may be events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from afflux.columns import F64, I32, I64, Bool

NO_TIME = -(2**62)
"""`append_time` of a record that has none: the rules about time do not apply."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """`n` decoded records that may be events, as columns.

    Identities and items are ragged: element k belongs to row `identity_row[k]`, `item_row[k]`
    (ascending). Lengths are in bytes of UTF-8, -1 where the text is null.
    """

    timestamp: I64
    append_time: I64
    """Timestamp of the Kafka record, ms; `NO_TIME` where there is none yet (a producer)."""
    id_length: I32
    text_length: Mapping[str, I32]
    """JSON pointer of a text that may be null but not empty -> its length, a row."""
    identity_row: I32
    identity_length: I32
    namespace: I32
    """Index into `namespaces`."""
    identity_rank: I32
    """Place in the list of its namespace."""
    namespaces: Sequence[str]
    entry_row: I32
    """Row of each entry of the identity maps; an entry may have no identity."""
    entry_namespace: I32
    """Namespace of each of these entries, as an index into `namespaces`."""
    order_total: F64
    has_order_total: Bool
    item_row: I32
    item_total: F64
    has_item_total: Bool
    item_quantity: I64
    """0 where null."""
    item_text_length: Mapping[str, I32]
    """Name of a text field of an item -> its lengths."""

    def __len__(self) -> int:
        return len(self.timestamp)


def amounts(events: Candidates) -> F64:
    """Money of each row: the order's total, else the sum of its items in their order, else 0."""
    items = np.where(events.has_item_total, events.item_total, 0.0)
    total = np.bincount(events.item_row, items, minlength=len(events))
    return np.where(events.has_order_total, events.order_total, total)


def quantities(events: Candidates) -> F64:
    """Units of each row: the sum over its items."""
    units = events.item_quantity.astype(np.float64)
    return np.bincount(events.item_row, units, minlength=len(events)).astype(np.float64)
