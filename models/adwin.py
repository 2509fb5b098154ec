"""ADWIN: a window of losses that is cut where its two sides differ by more than chance.

Bifet and Gavalda, "Learning from time-changing data with adaptive windowing", SDM 2007, with the
bound and the buckets of River's `drift.ADWIN`, which tests hold it to. Two things are other: the
smallest bucket holds `leaf` values, so that arrays are folded instead of single numbers; and after
a change the newer side of the strongest cut stays (the paper drops the oldest bucket until no cut
is left, River everything). The state is plain numbers, River's is an object that only pickle could
write down.

Values must lie in [0, 1].
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from afflux.columns import F64
from models.contract import Arrays

_MOST_OF_A_SIZE = 5
_LEAST_SIDE = 5
_GRACE = 10


@dataclass(frozen=True, slots=True)
class Change:
    """The mean has changed."""

    seen: int
    """Values seen when it was found."""
    before: float
    """Mean of the older side of the strongest cut."""
    after: float
    since: int
    """Values of the newer side: so long ago the change may have been."""


class Adwin:
    """Learns values in order; its state does not depend on how they were cut into blocks.

    >>> adwin = Adwin()
    >>> adwin.add(np.array([0.1, 0.3] * 500))
    []
    >>> change, *_ = adwin.add(np.array([0.6, 0.8] * 50))
    >>> change.seen, round(change.before, 2), round(change.after, 2)
    (1024, 0.2, 0.58)
    """

    def __init__(self, delta: float = 0.002, leaf: int = 32, clock: int = 1) -> None:
        """delta: of the bound; clock: leaves between two looks for a change."""
        self._delta, self._leaf, self._clock = delta, leaf, clock
        self._waiting = np.empty(0)
        self.seen = 0
        """Values in leaves, forgotten ones included."""
        self._sizes: list[int] = []
        self._totals: list[float] = []
        self._spreads: list[float] = []

    @property
    def waiting(self) -> int:
        """Values that do not fill a leaf yet."""
        return len(self._waiting)

    @property
    def width(self) -> int:
        """Values in the window."""
        return sum(self._sizes)

    @property
    def mean(self) -> float:
        """Of the window."""
        return math.fsum(self._totals) / max(self.width, 1)

    def add(self, values: F64) -> list[Change]:
        """See these; the changes that they show."""
        waiting = np.concatenate([self._waiting, values])
        leaves = len(waiting) // self._leaf
        self._waiting = waiting[leaves * self._leaf :]
        if not leaves:
            return []
        blocks = waiting[: leaves * self._leaf].reshape(leaves, self._leaf)
        totals = blocks.sum(axis=1)
        spreads = ((blocks - totals[:, None] / self._leaf) ** 2).sum(axis=1)
        changes = []
        for total, spread in zip(totals.tolist(), spreads.tolist(), strict=True):
            self._insert(total, spread)
            self.seen += self._leaf
            if (self.seen // self._leaf) % self._clock == 0 and self.width > _GRACE:
                changes += self._shrink()
        return changes

    def _insert(self, total: float, spread: float) -> None:
        sizes, totals, spreads = self._sizes, self._totals, self._spreads
        sizes.append(self._leaf)
        totals.append(total)
        spreads.append(spread)
        size = self._leaf
        while sizes.count(size) > _MOST_OF_A_SIZE:
            i = sizes.index(size)
            gap = (totals[i] - totals[i + 1]) / size
            spreads[i] += spreads.pop(i + 1) + gap * gap * size / 2
            totals[i] += totals.pop(i + 1)
            sizes[i] += sizes.pop(i + 1)
            size *= 2

    def _shrink(self) -> list[Change]:
        change = self._strongest()
        if change is None:
            return []
        while self.width > change.since:
            del self._sizes[0], self._totals[0], self._spreads[0]
        return [change]

    def _strongest(self) -> Change | None:
        """The cut that exceeds its bound by most, if any does."""
        sizes, totals = np.array(self._sizes, np.float64), np.array(self._totals)
        older, total = sizes.cumsum()[:-1], totals.cumsum()
        n, whole = float(sizes.sum()), float(total[-1])
        newer, total = n - older, total[:-1]
        some = (older >= _LEAST_SIDE) & (newer >= _LEAST_SIDE)
        if not some.any():
            return None
        off = totals / sizes - whole / n
        variance = (math.fsum(self._spreads) + float((off * off * sizes).sum())) / n
        trust = math.log(2.0 * math.log(n) / self._delta)
        share = 1.0 / np.maximum(older - _LEAST_SIDE + 1, 1.0)
        share += 1.0 / np.maximum(newer - _LEAST_SIDE + 1, 1.0)
        bound = np.sqrt(2.0 * variance * trust * share) + 2.0 / 3.0 * trust * share
        before, after = total / older, (whole - total) / newer
        excess = np.where(some, np.abs(before - after) - bound, -1.0)
        at = int(excess.argmax())
        if excess[at] <= 0:
            return None
        return Change(self.seen, float(before[at]), float(after[at]), int(newer[at]))

    def state(self) -> Arrays:
        """All that it knows."""
        return {
            "adwin.waiting": self._waiting.copy(),
            "adwin.sizes": np.array([self.seen, *self._sizes]),
            "adwin.buckets": np.array([self._totals, self._spreads], np.float64),
        }

    def load(self, arrays: Arrays) -> None:
        """Go on from there."""
        self._waiting = arrays["adwin.waiting"].copy()
        self.seen, *self._sizes = arrays["adwin.sizes"].tolist()
        self._totals, self._spreads = arrays["adwin.buckets"].tolist()
