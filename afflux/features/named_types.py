"""How often, and how long ago, there was an event of each type that a model names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from afflux.columns import F64, I64
from afflux.event_types import FIRST
from afflux.features.contract import Cut, FieldList, Fields, log_days, ordered_sum


class NamedTypes:
    """Of each type: ln(1 + times), ln(1 + days) since the last time, a flag where there was none.

    Part of a catalog only where one of its models names a type (`afflux.event_types`).
    """

    def __init__(self, types: Sequence[str]) -> None:
        n = self._n = len(types)
        self.fields: FieldList = (("type_count", "<f8", (n,)), ("type_last", "<i8", (n,)))
        self.names: Sequence[str] = [
            f"{what}:{name}" for what in ("times", "recency", "never") for name in types
        ]
        self.phrases: Sequence[str] = [
            *(f"times of {name}" for name in types),
            *(f"days since last {name}" for name in types),
            *(f"no {name} yet" for name in types),
        ]

    def update(self, rows: Fields, cut: Cut) -> None:
        """Count them, and keep the latest event time of each."""
        at = (cut.code >= FIRST).nonzero()[0]
        if not len(at):
            return
        place = cut.row[at] * self._n + (cut.code[at].astype(np.int64) - FIRST)
        np.add.at(rows["type_count"].reshape(-1), place, 1.0)
        np.maximum.at(rows["type_last"].reshape(-1), place, cut.ts[at])

    def merge(self, merged: Fields, rows: Fields, owner: I64) -> None:
        """Numbers add up; the later time counts."""
        count = merged["type_count"]
        count[:] = ordered_sum(rows["type_count"], owner, len(count))
        np.maximum.at(merged["type_last"], owner, rows["type_last"])

    def values(self, rows: Fields, at: I64) -> F64:
        """Numbers, recencies, flags."""
        last = rows["type_last"]
        never = last == 0
        since = np.where(never, 0.0, log_days(at[:, None] - last))
        return np.concatenate([np.log1p(rows["type_count"]), since, never], axis=1)
