"""The rhythm of purchases: gaps between one and the next, and how the present one compares.

A purchase that comes late (before one that is known already) makes no gap. Must be updated
before `recency`, whose last purchase it reads.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from afflux.columns import F64, I64, Kind
from afflux.features.contract import Cut, FieldList, Fields, ordered_sum
from afflux.limits import DAY_MS
from afflux.segments import by_row, largest_before, some

_LONGEST_RATIO = 1_000.0

_PURCHASE = int(Kind.PURCHASE)


class PurchaseGaps:
    """Mean and spread of the gaps, the last two, and the time since the last purchase in them."""

    fields: FieldList = (
        ("gap_n", "<i4", ()), ("gap_sum", "<i8", ()), ("gap_sq", "<f8", ()),
        ("gap_last", "<i8", (2,)),
    )  # fmt: skip
    names: Sequence[str] = (
        "gap_mean", "gap_spread", "gap_ratio", "last_gap", "gap_before", "no_gap",
    )  # fmt: skip
    phrases: Sequence[str] = (
        "usual days between purchases", "irregularity of purchases",
        "time since last purchase compared with the usual gap",
        "days between the last two purchases", "days between the two purchases before",
        "fewer than two purchases",
    )  # fmt: skip

    def update(self, rows: Fields, cut: Cut) -> None:
        """Count, sum (ms) and sum of squares (days) of the gaps in offset order; the last two."""
        bought = (cut.kind == _PURCHASE).nonzero()[0]
        if not len(bought):
            return
        order, start = by_row(cut.row[bought])
        at = bought[order]
        row, ts = cut.row[at], cut.ts[at]
        before = largest_before(ts, rows["kind_last"][row, _PURCHASE], start)
        gap = ((before > 0) & (ts > before)).nonzero()[0]
        if not len(gap):
            return
        row, ms = row[gap], (ts - before)[gap]
        days = ms / DAY_MS
        np.add.at(rows["gap_n"], row, 1)
        np.add.at(rows["gap_sum"], row, ms)
        np.add.at(rows["gap_sq"], row, days * days)
        _remember(rows["gap_last"], row, ms)

    def merge(self, merged: Fields, rows: Fields, owner: I64) -> None:
        """Gaps of all fragments count alike; the last two are those before the last purchase."""
        np.add.at(merged["gap_n"], owner, rows["gap_n"])
        np.add.at(merged["gap_sum"], owner, rows["gap_sum"])
        squares = rows["gap_sq"][:, None]
        merged["gap_sq"][:] = ordered_sum(squares, owner, len(merged["gap_n"]))[:, 0]
        bought = rows["kind_last"][:, _PURCHASE]
        newest = np.zeros(len(merged["gap_n"]), np.int64)
        np.maximum.at(newest, owner, bought)
        of = (bought == newest[owner]).nonzero()[0]
        np.maximum.at(merged["gap_last"], owner[of], rows["gap_last"][of])

    def values(self, rows: Fields, at: I64) -> F64:
        """ln(1 + x) of gaps in days and of the ratio; a flag where there is no gap."""
        n = rows["gap_n"]
        known = n > 0
        out = np.zeros((len(at), 6))
        if not some(known):
            out[:, 5] = 1.0
            return out
        count = np.maximum(n, 1)
        mean = rows["gap_sum"] / DAY_MS / count
        spread = np.sqrt(np.maximum(rows["gap_sq"] / count - mean * mean, 0.0))
        last = rows["kind_last"][:, _PURCHASE]
        since = np.maximum(at - last, 0) / DAY_MS
        ratio = since / np.where(known, mean, 1.0)
        out[:, 0] = mean
        out[:, 1] = spread
        out[:, 2] = np.where(known, np.minimum(ratio, _LONGEST_RATIO), 0.0)
        out[:, 3:5] = rows["gap_last"] / DAY_MS
        out[:, :5] = np.log1p(out[:, :5])
        out[:, 5] = ~known
        return out


def _remember(last: I64, row: I64, ms: I64) -> None:
    """The last two gaps of each row: `row` is sorted, each row's gaps in offset order."""
    end = np.append(row[1:] != row[:-1], True).nonzero()[0]
    of = row[end]
    alone = np.append(True, row[1:] != row[:-1])[end]
    last[of, 1] = np.where(alone, last[of, 0], ms[end - 1])
    last[of, 0] = ms[end]
