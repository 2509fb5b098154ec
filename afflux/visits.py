"""Which rows a step visits without an event of theirs, and when they are to be visited next.

The deadline of a row in the store is the earliest of what may happen to it by time alone. Each
reason is a function of the row and W; another one is one more term of `_next`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from afflux import silence
from afflux.columns import I64, Bool
from afflux.expiry import expires
from afflux.features.contract import Fields
from afflux.outcomes import NEVER
from afflux.position import Position
from afflux.segments import filled
from afflux.span import Span
from afflux.workspace import Workspace


class Clock(NamedTuple):
    """Event time of the shard of each row in one step."""

    before: I64
    """W at the shard's position."""
    end: I64
    """W behind the batch; as `before` where the shard stays."""
    limit: I64
    """Up to where deadlines are handled: a large wave is not handled in one step."""

    @staticmethod
    def of(
        work: Workspace,
        spans: Sequence[Span],
        positions: Mapping[int, Position],
        limit: int | None,
    ) -> Clock:
        """Of all rows of the step."""
        shard, topic = work.fetched.shard, spans[0].batch.topic
        before = filled(int(max(shard.max(initial=0), *positions, 0)) + 1, 0)
        end = before.copy()
        for s, position in positions.items():
            before[s] = end[s] = position.topics[topic].watermark.value
        for span in spans:
            for s in span.shards:
                end[s] = span.passage.end.value
        ends = end[shard]
        return Clock(before[shard], ends, ends if limit is None else np.minimum(ends, limit))


def silent(work: Workspace, clock: Clock) -> tuple[I64, I64]:
    """Rows whose scores are to be made anew without an event, and as of when: of a deadline."""
    due = work.fetched.due
    if not len(due):
        return _NOBODY, _NOBODY
    rows = ((due != 0) & (due < clock.limit) & (work.last_event < 0)).nonzero()[0]
    rows = rows[work.served["as_of_offset"][rows] >= 0]
    if not len(rows):
        return _NOBODY, _NOBODY
    settings, last = work.settings.silence, work.rows["last_ts"][rows]
    at = np.maximum(due[rows], silence.latest(settings, last, clock.end[rows]))
    known = silence.octave(settings, work.served["as_of_ts"][rows] - last)
    newer = (last != 0) & (silence.octave(settings, at - last) > known)
    return rows[newer], at[newer]


def unscored(work: Workspace, clock: Clock) -> I64:
    """Rows whose scores have expired, alone or with the row: they are empty from now on.

    Also those of people whose last event, in this very batch, is long past at its end.
    """
    gone = work.expired & ~work.served_changed & (work.last_event < 0)
    life = work.settings.expiry.score_ms
    if life:
        last = work.rows["last_ts"]
        old = (last != 0) & (last + life < clock.end) & (work.deadline == NEVER)
        old &= (work.last_event >= 0) | (work.served["as_of_offset"] >= 0)
        old &= ~_waiting(work, clock)
        rows = old.nonzero()[0]
        work.served[rows] = work.catalog.new_served(1)
        work.served_changed[rows] = False
        work.last_event[rows] = -1
        gone |= old
    return gone.nonzero()[0]


def outlived(work: Workspace, clock: Clock) -> I64:
    """Rows whose timelines go: even their last event is too old by now."""
    rules, last = work.settings.timelines, work.rows["last_ts"]
    if not (rules.events and rules.lifetime_ms):
        return _NOBODY
    here, due = work.changed, work.fetched.due
    if len(due):
        here = (here | (due != 0)) & ~_waiting(work, clock)
    old: Bool = here & (last != 0) & (last + rules.lifetime_ms < clock.end)
    return old.nonzero()[0]


def _waiting(work: Workspace, clock: Clock) -> Bool:
    """Rows whose turn comes in a later step of the same wave."""
    due = work.fetched.due
    if not len(due):
        return np.zeros(len(work.changed), np.bool_)
    waiting: Bool = (due >= clock.limit) & ~work.changed & (due != 0)
    return waiting


def next_visits(work: Workspace, clock: Clock) -> tuple[I64, Bool]:
    """The deadline of each row, 0 for none, and whether it is another one than is stored."""
    was = _next(work, work.was_deadline, work.fetched.fragment, clock.before)
    new = _next(work, work.deadline, work.rows, clock.end)
    due = work.fetched.due
    if len(due):
        found = due != 0
        was[found] = due[found]
        waiting = _waiting(work, clock)
        new[waiting] = due[waiting]
    moved: Bool = new != was
    new[new == NEVER] = 0
    return new, moved


def _next(work: Workspace, closing: I64, rows: Fields, w: I64) -> I64:
    settings, last = work.settings, rows["last_ts"]
    at = silence.next_visit(settings.silence, closing, last, w)
    if settings.expiry.score_ms:
        gone = last + settings.expiry.score_ms
        ahead = (closing == NEVER) & (last != 0) & (gone >= w)
        at = np.minimum(at, np.where(ahead, gone, NEVER))
    if settings.timelines.events and settings.timelines.lifetime_ms:
        gone = last + settings.timelines.lifetime_ms
        at = np.minimum(at, np.where((last != 0) & (gone >= w), gone, NEVER))
    if work.lifetime is not None:
        at = np.minimum(at, expires(work.lifetime, closing, rows))
    return at


_NOBODY = np.empty(0, np.int64)
