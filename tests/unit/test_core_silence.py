"""Scores of silent people: when they are made anew, as of when, and what they are."""

from __future__ import annotations

import numpy as np

from afflux.limits import Silence, StepSettings
from afflux.outcome import StepOutcome
from afflux.position import Watermark
from core_cases import CATALOG, linear_scorer
from core_replay import Replay, batch_of
from core_step import ANNA, BEN, DAY, HOUR, T0, event, feed

EVERY_OCTAVE = Silence()


def silent(silence: Silence = EVERY_OCTAVE) -> Replay:
    """A store in which Anna has bought once."""
    store = Replay(CATALOG, linear_scorer(), StepSettings(shards=8, silence=silence))
    feed(store, [event(0, T0)])
    return store


def later(store: Replay, days: float) -> StepOutcome:
    """Event time has come so far, by nobody's event."""
    store.watermark = Watermark(T0 + round(days * DAY))
    store.finish(1)
    return store.outcomes[-1]


def served(store: Replay) -> np.void:
    """Anna's scores."""
    row: np.void = CATALOG.decode_served([store.served[ANNA]])[0][0]
    return row


def test_scores_are_made_anew_once_in_each_octave() -> None:
    """At 4, 14 (a closing), 28 (another), 32, ... days: a closing spares the 8th and the 16th."""
    store, seen = silent(), []
    for half_day in range(1, 900):
        if len(later(store, half_day / 2).scored):
            seen.append((int(served(store)["as_of_ts"]) - T0) / DAY)
    hour = HOUR / DAY
    assert seen == [4, 14 + hour, 28 + hour, 32, 64, 128, 256]
    assert not store.deadlines


def test_a_refresh_is_what_an_event_at_that_time_would_see() -> None:
    """Values are those of the features then; the old ones are kept; no event is named."""
    store = silent()
    before = served(store)
    out = later(store, 4.5)
    at = T0 + 4 * DAY
    fragment = CATALOG.decode_fragments([store.fragments[ANNA]])
    expected = store.scorer.score(CATALOG.matrix(fragment, np.array([at])))
    row = served(store)
    assert row["value"].tolist() == expected.value[0].tolist()
    assert row["factor"].tolist() == expected.factor[0].tolist()
    assert row["value"].tolist() != before["value"].tolist()
    assert row["previous"].tolist() == before["value"].tolist()
    assert row["as_of_ts"] == at
    assert (out.scored.tolist(), dict(out.event_ids)) == ([0], {0: ""})
    assert not out.fragment_changed.any()
    assert store.deadlines[ANNA] == T0 + 14 * DAY + HOUR


def test_a_jump_over_several_octaves_is_one_refresh() -> None:
    """A fast replay scores once, as of the last octave that has begun."""
    store = silent()
    later(store, 100)
    assert served(store)["as_of_ts"] == T0 + 64 * DAY
    assert len([o for o in store.outcomes if len(o.scored)]) == 2
    assert store.deadlines[ANNA] == T0 + 128 * DAY


def test_an_event_ends_the_silence() -> None:
    """Then the next octave counts from it, and a refresh that was due with it is left out."""
    store = silent()
    store.watermark = Watermark(T0 + 5 * DAY)
    out = feed(store, [event(1, T0 + 5 * DAY)])
    assert out.event_ids == {0: "e1"}
    assert served(store)["as_of_ts"] == T0 + 5 * DAY
    assert store.deadlines[ANNA] == T0 + 9 * DAY


def test_a_late_event_does_not_take_a_refreshed_score_back() -> None:
    """It is scored as of the refresh, and the next visit is where it was."""
    store = silent()
    later(store, 5)
    assert feed(store, [event(1, T0 - DAY)]).event_ids == {0: "e1"}
    assert served(store)["as_of_ts"] == T0 + 4 * DAY
    assert store.deadlines[ANNA] == T0 + 14 * DAY + HOUR


def test_no_silence_no_refresh() -> None:
    """Zero turns it off: then only examples have deadlines."""
    store = silent(Silence(0))
    assert store.deadlines[ANNA] == T0 + 14 * DAY + HOUR
    assert not len(later(store, 400).scored)
    assert not store.deadlines


def test_a_wave_is_refreshed_in_parts() -> None:
    """Up to `close_before`; the others keep their deadline and have their turn."""
    store = silent()
    feed(store, [event(1, T0 + HOUR, BEN)])
    store.watermark = Watermark(T0 + 5 * DAY)
    at_end, both = batch_of([], 2, 2), set(range(8))
    store.step(at_end, both, close_before=T0 + 4 * DAY + 1)
    assert store.deadlines == {ANNA: T0 + 14 * DAY + HOUR, BEN: T0 + HOUR + 4 * DAY}
    assert len(store.outcomes[-1].scored) == 1
    store.step(at_end, both)
    assert len(store.outcomes[-1].scored) == 1
    assert store.deadlines[BEN] == T0 + 14 * DAY + 2 * HOUR
