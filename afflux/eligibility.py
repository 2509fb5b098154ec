"""Of whose events a model speaks: what a person has done, up to and including each event."""

from __future__ import annotations

import numpy as np

from afflux.columns import F64, I64, Bool
from afflux.population import Condition, Population
from afflux.segments import largest_before, running_sum
from afflux.workspace import Stretch, Workspace


class Standing:
    """What holds at some events of a stretch; sums are made once for all models."""

    def __init__(self, work: Workspace, s: Stretch, at: I64) -> None:
        self._work, self._s, self._at = work, s, at
        self._sums: dict[tuple[str, int], F64] = {}

    def allows(self, population: Population) -> Bool:
        """Of which events' people the model speaks."""
        fit = self._holds(population.eligible)
        for condition in population.excluded:
            fit = fit & ~self._holds(condition)
        return fit

    def _holds(self, condition: Condition) -> Bool:
        if condition.total not in self._sums:
            self._sums[condition.total] = self._so_far(condition)
        enough: Bool = self._sums[condition.total] >= condition.at_least
        if condition.within_ms:
            last = self._last(condition)
            enough &= (last > 0) & (self._s.ts[self._at] - last <= condition.within_ms)
        return enough

    def _so_far(self, condition: Condition) -> F64:
        """How many, up to and including each event."""
        s, at, (field, column) = self._s, self._at, condition.total
        adds = condition.counts[s.code].astype(np.int64)
        sums: F64 = self._work.rows[field][s.row[at], column] + running_sum(adds, s.start)[at]
        return sums

    def _last(self, condition: Condition) -> I64:
        """When the last one was, up to and including each event; 0 never."""
        s, at, (field, columns) = self._s, self._at, condition.last
        stored = self._work.rows[field][:, columns].max(axis=1)[s.row]
        time = np.where(condition.counts[s.code], s.ts, 0)
        last: I64 = np.maximum(largest_before(time, stored, s.start), time)[at]
        return last
