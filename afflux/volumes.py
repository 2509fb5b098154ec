"""Volumes: how many events and how much money a day, counted where the events are folded.

A step adds up the events that it has accepted by shard, day of their event time and segment. The
sums are committed with the position of the shard, so each event counts in them once. They are whole
numbers (money in ten-thousandths), so they do not depend on how the log was cut into batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from afflux.columns import F64, I32, I64, U8, Bool, Kind
from afflux.limits import DAY_MS

NEW_PEOPLE = len(Kind)
"""The segment of first events of people, beside those of the kinds."""

SEGMENTS = NEW_PEOPLE + 1
UNITS = 10_000
"""Of money."""

_MOST = 1e9
"""Larger amounts count as this: a day of them fits 63 bits."""


@dataclass(frozen=True, slots=True)
class Volume:
    """What a step adds to one day and segment of a shard."""

    day: int
    """Days since 1970, UTC."""
    segment: int
    """A `Kind`, or NEW_PEOPLE."""
    events: int
    units: int
    """Money of purchases."""


class Volumes:
    """Adds up the stages of a step."""

    def __init__(self) -> None:
        self._parts: list[tuple[I64, I64, I64, I64]] = []

    def add(self, shard: I32 | I64, ts: I64, kind: U8, amount: F64, new: Bool) -> None:
        """Accepted events; new: whether it is the first event of its person."""
        if not len(ts):
            return
        day, of = ts // DAY_MS, shard.astype(np.int64)
        bought = np.where(kind == Kind.PURCHASE, np.minimum(amount, _MOST), 0.0)
        units = np.rint(bought * UNITS).astype(np.int64)
        self._parts.append((of, day, kind.astype(np.int64), units))
        if new.any():
            segment = np.full(int(new.sum()), NEW_PEOPLE)
            self._parts.append((of[new], day[new], segment, units[new]))

    def by_shard(self) -> dict[int, list[Volume]]:
        """Shard -> what to add to its days."""
        if not self._parts:
            return {}
        shard, day, segment, units = (np.concatenate(c) for c in zip(*self._parts, strict=True))
        first, days = int(day.min()), int(day.max() - day.min()) + 1
        cell = (shard * days + (day - first)) * SEGMENTS + segment
        cells, place = np.unique(cell, return_inverse=True)
        events = np.bincount(place)
        sums = np.zeros(len(cells), np.int64)
        np.add.at(sums, place, units)
        found: dict[int, list[Volume]] = {}
        for at, n, money in zip(cells.tolist(), events.tolist(), sums.tolist(), strict=True):
            rest, of = divmod(at, SEGMENTS)
            where, past = divmod(rest, days)
            found.setdefault(where, []).append(Volume(first + past, of, n, money))
        return found


def segment_names() -> Sequence[str]:
    """Of the segments, as they are shown.

    >>> segment_names()[5], segment_names()[NEW_PEOPLE]
    ('purchase', 'new people')
    """
    return [*(kind.name.lower().replace("_", " ") for kind in Kind), "new people"]
