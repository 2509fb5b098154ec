"""What a feature is: fields of the row, an update, a merge, and values at a time.

Laws (tests/property): folding a log in any batches gives the same bits; merging is commutative
bit by bit, with the empty fragment as its identity; values are finite.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from afflux.columns import F64, I64, U8

FieldList = Sequence[tuple[str, str, tuple[int, ...]]]
"""(name, little-endian dtype, shape) of each field."""


class Fields(Protocol):
    """Rows by field: a structured array, or a dict of contiguous arrays while folding."""

    def __getitem__(self, name: str, /) -> NDArray[Any]:
        """The field of all rows, rows first; writable while folding."""
        ...


@dataclass(frozen=True, slots=True)
class Addends:
    """What events add to channels, sparse: `x[k]` to `channel[k]` of `row[k]` at `ts[k]`.

    Entries of the same row and channel stand in offset order.
    """

    row: I64
    channel: I64
    x: F64
    ts: I64


@dataclass(frozen=True, slots=True)
class Cut:
    """Accepted events that fold together, by row in offset order; `row` indexes the rows."""

    row: I64
    ts: I64
    kind: U8
    addends: Addends
    code: U8
    """`EventColumns.codes`."""


class Feature(Protocol):
    """One file of this folder."""

    fields: FieldList
    names: Sequence[str]
    phrases: Sequence[str]
    """For marketers, one a name."""

    def update(self, rows: Fields, cut: Cut) -> None:
        """Fold `cut` into `rows`, in place."""
        ...

    def merge(self, merged: Fields, rows: Fields, owner: I64) -> None:
        """Write the merge of `rows` by `owner` into the new rows `merged`, in place."""
        ...

    def values(self, rows: Fields, at: I64) -> F64:
        """(rows, names) values at time `at[i]` of row i."""
        ...


def ordered_sum(values: F64, owner: I64, n: int) -> F64:
    """(n, c) sums of the (k, c) `values` by owner; addends by size, so that no order matters."""
    if n == 1:  # one profile, most of the time: what follows takes ten times as long as its sum
        alone = np.zeros(values.shape[1])
        for addend in np.sort(values, axis=0):
            alone += addend
        return alone[None]
    order = np.argsort(owner, kind="stable")
    count = np.bincount(owner, minlength=n)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    padded = np.zeros((n, int(count.max(initial=0)), values.shape[1]))
    padded[owner[order], place] = values[order]
    padded.sort(axis=1)
    total = np.zeros((n, values.shape[1]))
    for addend in np.moveaxis(padded, 1, 0):
        total += addend
    return total


def log_days(ms: I64) -> F64:
    """ln(1 + days) of durations in ms; negative ones count as 0."""
    return np.log1p(np.maximum(ms, 0) / 86_400_000.0)
