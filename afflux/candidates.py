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
    """JSON pointer of a text that may be null but not empty -> its length, a row.

    A text that is null everywhere may be left out.
    """
    identity_row: I32
    identity_length: I32
    identity_entry: I32
    """Entry of the identity maps that each identity stands in, ascending."""
    entry_row: I32
    """Row of each entry; an entry may have no identity."""
    entry_namespace: I32
    """Namespace of each entry, as an index into `namespaces`."""
    namespaces: Sequence[str]
    order_total: F64
    """0 where null; so `item_total`."""
    has_order_total: Bool
    item_row: I32
    item_total: F64
    has_item_total: Bool
    item_quantity: I64
    """0 where null."""
    item_text_length: Mapping[str, I32]
    """Name of a text field of an item -> its lengths; it, too, may be left out."""

    def __len__(self) -> int:
        return len(self.timestamp)

    @property
    def namespace(self) -> I32:
        """Index into `namespaces` of each identity."""
        return self.entry_namespace[self.identity_entry]

    @property
    def identity_rank(self) -> I64:
        """Place of each identity in the list of its namespace."""
        entry = self.identity_entry
        return np.arange(len(entry)) - np.searchsorted(entry, entry)


def amounts(events: Candidates) -> F64:
    """Money of each row: the order's total, else the sum of its items in their order, else 0."""
    given = events.has_order_total
    if not len(events.item_row) or np.count_nonzero(given) == len(events):
        return events.order_total  # which is 0 where none is given
    items = np.where(events.has_item_total, events.item_total, 0.0)
    total = np.bincount(events.item_row, items, minlength=len(events))
    return np.where(given, events.order_total, total)


def quantities(events: Candidates) -> F64:
    """Units of each row: the sum over its items."""
    if not len(events.item_row):
        return np.zeros(len(events))
    units = events.item_quantity.astype(np.float64)
    return np.bincount(events.item_row, units, minlength=len(events)).astype(np.float64)
