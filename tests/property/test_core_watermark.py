"""W is a function of the log: any batches, the same W before every record."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from afflux.limits import DAY_MS
from afflux.oracle.partition import Oracle
from afflux.oracle.records import Event, Record
from afflux.outcome import Control
from afflux.position import NONE_MS, Watermark
from afflux.step import StepSettings
from afflux.watermark import after
from core_cases import CATALOG, columns
from core_logs import LOGS
from core_replay import batch_of

SETTINGS = StepSettings(shards=8)
T0 = 1_483_228_800_000


class Moves(Oracle):
    """The oracle, but of W only."""

    def feed(self, record: Record) -> None:
        """Only W moves."""
        if isinstance(record, Event):
            limit = record.append_time + self.settings.skew_ms
            self._move(min(record.timestamp, limit), record.identity_hash)
        elif isinstance(record, Control) and record.identity is None:
            self._control(record)


@given(LOGS, st.integers(1, 30))
def test_any_batches_give_the_w_of_the_oracle(log: Sequence[Record], size: int) -> None:
    """Before every event and control, behind every event, and at the end."""
    oracle, at = Moves(CATALOG, SETTINGS), Watermark()
    for base in range(0, len(log), size):
        part = log[base : base + size]
        batch = batch_of(part, part[0].offset, part[-1].offset + 1)
        passage = after(at, batch.events, batch.controls, SETTINGS)
        before, behind, controls = [], [], []
        for record in part:
            w = oracle.w
            oracle.feed(record)
            if isinstance(record, Event):
                before.append(w)
                behind.append(oracle.w)
            elif isinstance(record, Control):
                controls.append(w)
        assert passage.before.tolist() == before
        assert passage.behind.tolist() == behind
        assert passage.controls == controls
        assert passage[-1] == passage.end == oracle.watermark
        at = passage.end


def moved(*events: tuple[int, str], append_lag: int = 0) -> int:
    """W after events at (ms after T0, identity)."""
    rows = [(i, T0 + t, who, f"e{i}", 0, 0.0) for i, (t, who) in enumerate(events)]
    return after(Watermark(T0), columns(rows, append_lag=append_lag), (), SETTINGS).end.value - T0


def test_first_event_sets_w() -> None:
    """Nothing is before the first event, and W is its time from then on."""
    passage = after(Watermark(), columns([(0, T0, "crm:1", "a", 0, 0.0)]), (), SETTINGS)
    assert passage.before.tolist() == [NONE_MS]
    assert passage.end == Watermark(T0)


def test_jump_needs_a_second_witness() -> None:
    """One broken clock does not close everybody's windows; two people do."""
    far = 5 * DAY_MS
    assert moved((far, "crm:1")) == 0
    assert moved((far, "crm:1"), (far + 1, "crm:1")) == 0
    assert moved((far, "crm:1"), (far + 7, "crm:2")) == far
    assert moved((far, "crm:1"), (2 * DAY_MS, "crm:2")) == 2 * DAY_MS
    assert moved((DAY_MS, "crm:1")) == DAY_MS


def test_a_proposal_is_forgotten_when_w_comes_close() -> None:
    """Later events of the same identity count again."""
    end = after(
        Watermark(T0, T0 + DAY_MS + 5, 7), columns([(0, T0 + 10, "a:1", "a", 0, 0.0)]), (), SETTINGS
    ).end
    assert end == Watermark(T0 + 10)


def test_time_counts_up_to_the_skew() -> None:
    """A time in the future of its record moves W only as far as the skew allows."""
    assert moved((3_600_000, "crm:1"), append_lag=-3_600_000) == SETTINGS.skew_ms


def test_ticks_move_w_without_a_witness() -> None:
    """Idle partitions go on at the log's pace; before the first event there is no pace."""
    tick = Control("tick", 3, T0 + 9 * DAY_MS, T0 + 9 * DAY_MS, None, 0)
    none = columns([])
    assert after(Watermark(T0), none, [tick], SETTINGS).end == Watermark(tick.timestamp)
    assert after(Watermark(), none, [tick], SETTINGS).end == Watermark()


def test_late_events_leave_w() -> None:
    """W never goes back."""
    assert moved((50, "crm:1"), (-DAY_MS, "crm:2"), (20, "crm:1")) == 50


def test_no_event_no_move() -> None:
    """An empty batch ends where it began."""
    at = Watermark(T0, T0 + 5 * DAY_MS, 3)
    passage = after(at, columns([]), (), SETTINGS)
    assert passage.end == at
    assert passage.before.dtype == np.int64
