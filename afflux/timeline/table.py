"""What a step adds to timelines, and whose timelines go.

A timeline is the last `events` accepted events of a fragment in the order of the log, without those
at its beginning that are older than its lifetime, by W as it was behind the last event. So it is of
the log alone: to cut off the front once after several events leaves what cutting it off after each
of them leaves. All of it goes when W has passed the last event by the lifetime.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from afflux.columns import I64, Bool, EventColumns
from afflux.limits import Timelines
from afflux.segments import by_row, ends, every
from afflux.timeline.growth import CONTROL, GONE
from afflux.timeline.storage import HEAD, bodies

_WIRE = np.dtype(
    [("oldest", "<i8"), ("anew", "u1"), ("events", "<u2"), ("size", "<u2"), ("head", HEAD)]
)
"""A `Growth` up to the tail of its first event; without the first three a further event."""


class TimelineTable:
    """Mutable while one step runs."""

    def __init__(self, rules: Timelines) -> None:
        self._rules = rules
        self._parts: list[tuple[I64, I64, I64]] = []
        """Row, place in the batch, and W behind it, of accepted events."""
        self._cleared: set[int] = set()

    def add(self, row: I64, index: I64, ts: I64, behind: I64) -> None:
        """Events that were accepted; those that are too old already are left out."""
        if not self._rules.events:
            return
        if self._rules.lifetime_ms:
            young = ts >= behind - self._rules.lifetime_ms
            if not every(young):
                row, index, behind = row[young], index[young], behind[young]
        if len(row):
            self._parts.append((row, index, behind))

    def clear(self, row: int) -> None:
        """Nothing of before is left of a row: its person was deleted, or has expired."""
        self._cleared.add(row)
        for i, part in enumerate(self._parts):
            others = part[0] != row
            if not every(others):
                row_of, index, behind = part
                self._parts[i] = row_of[others], index[others], behind[others]

    def changes(self, events: EventColumns, first_ts: I64, outlived: I64) -> Mapping[int, bytes]:
        """Row -> its `Growth`.

        events: of the step. first_ts: event time of the first event of each row: of whom nothing
        is known that is so old, nothing is looked for. outlived: rows whose timelines go.
        """
        found = dict.fromkeys(sorted(self._cleared), GONE)
        if self._parts:
            row, index, behind = map(np.concatenate, zip(*self._parts, strict=True))
            if len(row):
                order, start = by_row(row)
                found.update(
                    self._added(events, first_ts, row[order], index[order], behind[order], start)
                )
        found.update(dict.fromkeys(outlived.tolist(), GONE))
        return found

    def _added(
        self,
        events: EventColumns,
        first_ts: I64,
        row: I64,
        index: I64,
        behind: I64,
        start: Bool,
    ) -> Mapping[int, bytes]:
        """By row, which the last four are sorted by; of W the last of each row counts."""
        most, life = self._rules.events, self._rules.lifetime_ms
        end = ends(start).nonzero()[0]
        count = end - start.nonzero()[0] + 1
        rows = row[end].tolist()
        if count.max() > most:
            keep = np.arange(len(row)) > np.repeat(end, count) - most
            index, count = index[keep], np.minimum(count, most)
        first = np.cumsum(count) - count
        head, tails, size = bodies(events, index)
        wire = np.zeros(len(index), _WIRE)
        wire["head"], wire["size"], wire["events"][first] = head, size, count
        if life:
            oldest = behind[end] - life
            wire["oldest"][first] = np.where(first_ts[row[end]] < oldest, oldest, 0)
        if self._cleared:
            wire["anew"][first] = [r in self._cleared for r in rows]
        data, step = wire.tobytes(), _WIRE.itemsize
        whole = [data[i * step : (i + 1) * step] + tail for i, tail in enumerate(tails)]
        if len(whole) == len(rows):
            return dict(zip(rows, whole, strict=True))
        further = [one[CONTROL.size :] for one in whole]
        return {
            r: b"".join([whole[at], *further[at + 1 : at + n]])
            for r, at, n in zip(rows, first.tolist(), count.tolist(), strict=True)
        }
