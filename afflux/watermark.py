"""W of a topic partition: how far event time has come, by the log alone.

W(o) is the largest event time of the valid records before offset o, where an event time counts at
most as its record's timestamp plus the allowed skew. A jump of more than a day waits until an
event of another identity confirms it; then W moves to the smaller of the two. The first event
sets W. Ticks carry W of an idle partition and need no witness.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from afflux.columns import I64, EventColumns
from afflux.limits import DAY_MS, StepSettings
from afflux.outcome import Control
from afflux.position import NONE_MS, Watermark

JUMP_MS = DAY_MS


class Passage(NamedTuple):
    """W on the way through a batch."""

    before: I64
    """Per event: W(o) before its record."""
    behind: I64
    """Per event: W after its record."""
    controls: list[int]
    """Per control record: W(o) before it."""
    end: Watermark
    """W at the end of the batch."""


def after(
    watermark: Watermark,
    events: EventColumns,
    controls: Sequence[Control],
    settings: StepSettings,
) -> Passage:
    """W before and behind every event, before every control, and at the end."""
    if controls and any(c.kind == "tick" for c in controls):
        return _with_ticks(watermark, events, controls, settings)
    before, behind, end = _through(watermark, events, settings)
    if not controls:
        return Passage(before, behind, [], end)
    at = np.searchsorted(events.offset, [c.offset for c in controls])
    w = np.append(before, end.value)
    return Passage(before, behind, w[at].tolist(), end)


def _through(
    watermark: Watermark, events: EventColumns, settings: StepSettings
) -> tuple[I64, I64, Watermark]:
    """One pass over the events; one by one only from the first jump on."""
    n = len(events)
    if not n:
        return np.empty(0, np.int64), np.empty(0, np.int64), watermark
    time = np.minimum(events.timestamp, events.append_time + settings.skew_ms)
    w = np.empty(n + 1, np.int64)
    w[0] = watermark.value if watermark.value != NONE_MS else time[0]
    w[1:] = time
    np.maximum.accumulate(w, out=w)
    jumps = (time > w[:-1] + JUMP_MS).nonzero()[0]
    smooth = int(jumps[0]) if len(jumps) else n
    w[0] = watermark.value
    at = _settled(Watermark(int(w[smooth]), watermark.pending, watermark.witness))
    if smooth < n:
        witness = events.identity_hash[events.identity[smooth:]].tolist()
        for i, (t, who) in enumerate(zip(time[smooth:].tolist(), witness, strict=True), smooth):
            at = step_over(at, t, who)
            w[i + 1] = at.value
    return w[:-1], w[1:], at


def _with_ticks(
    watermark: Watermark,
    events: EventColumns,
    controls: Sequence[Control],
    settings: StepSettings,
) -> Passage:
    """The events between ticks, tick by tick."""
    before, behind, at, first = [], [], watermark, 0
    seen: list[int] = []
    for control in controls:
        last = int(np.searchsorted(events.offset, control.offset))
        b, e, at = _through(at, events.take(np.arange(first, last)), settings)
        before.append(b)
        behind.append(e)
        seen.append(at.value)
        first = last
        if control.kind == "tick" and at.value != NONE_MS:
            w = min(control.timestamp, control.append_time + settings.skew_ms)
            at = _settled(Watermark(max(at.value, w), at.pending, at.witness))
    b, e, at = _through(at, events.take(np.arange(first, len(events))), settings)
    return Passage(np.concatenate([*before, b]), np.concatenate([*behind, e]), seen, at)


def step_over(at: Watermark, time: int, who: int) -> Watermark:
    """W after one event at `time` of the identity with hash `who`.

    >>> far = step_over(Watermark(0), 5 * JUMP_MS, 1)
    >>> far.value, step_over(far, 6 * JUMP_MS, 1).value, step_over(far, 3 * JUMP_MS, 2).value
    (0, 0, 259200000)
    """
    value, pending, witness = at.value, at.pending, at.witness
    if value == NONE_MS or value < time <= value + JUMP_MS:
        value = time
    elif time > value:
        if pending != NONE_MS and who != witness:
            value = min(pending, time)
        if time > pending:
            pending, witness = time, who
    return _settled(Watermark(value, pending, witness))


def _settled(at: Watermark) -> Watermark:
    """A proposal that W has come close to needs no witness any more."""
    if at.pending != NONE_MS and at.pending <= at.value + JUMP_MS:
        return Watermark(at.value)
    return at
