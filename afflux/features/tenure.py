"""How long a person has been known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from afflux.columns import F64, I64
from afflux.features.contract import Cut, FieldList, Fields, log_days
from afflux.segments import some

_NEVER = np.iinfo(np.int64).max


class Tenure:
    """ln(1 + days) since the first event; first and last event time, 0 before the first."""

    fields: FieldList = (("first_ts", "<i8", ()), ("last_ts", "<i8", ()))
    names: Sequence[str] = ("tenure",)
    phrases: Sequence[str] = ("days since first seen",)

    def update(self, rows: Fields, cut: Cut) -> None:
        """The earliest and the latest event time."""
        first = rows["first_ts"]
        new = first[cut.row] == 0
        if some(new):
            first[cut.row[new]] = _NEVER
        np.minimum.at(first, cut.row, cut.ts)
        np.maximum.at(rows["last_ts"], cut.row, cut.ts)

    def merge(self, merged: Fields, rows: Fields, owner: I64) -> None:
        """From the earliest to the latest of all."""
        known = np.flatnonzero(rows["first_ts"])
        first = np.full(len(merged["first_ts"]), _NEVER)
        np.minimum.at(first, owner[known], rows["first_ts"][known])
        merged["first_ts"][:] = np.where(first == _NEVER, 0, first)
        np.maximum.at(merged["last_ts"], owner, rows["last_ts"])

    def values(self, rows: Fields, at: I64) -> F64:
        """Since `first_ts`."""
        first = rows["first_ts"]
        return log_days(np.where(first > 0, at - first, 0))[:, None]
