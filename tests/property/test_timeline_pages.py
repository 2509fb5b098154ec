"""Pages of a timeline: read one after another they are what was asked for, once and in order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afflux.names import Identity
from afflux.oracle.timeline import entry_of
from afflux.timeline.reading import Question, page
from afflux.timeline.storage import decode
from profile_store.timelines import CursorError, question, turned

TYPES = st.sampled_from([None, "commerce.purchases", "shop.wink"])
EVENTS = st.lists(st.tuples(st.integers(0, 9), TYPES), max_size=12)
PEOPLE = st.lists(EVENTS, min_size=1, max_size=4)


def stored(people: list[list[tuple[int, str | None]]]) -> list[tuple[Identity, list[bytes]]]:
    """Timelines of crm:0, crm:1, ...; offsets ascend, times do not."""
    return [
        (
            Identity(b"crm:%d" % n),
            [entry_of(o, ts, f"{n}-{o}", kind, 0, 0, ()) for o, (ts, kind) in enumerate(one)],
        )
        for n, one in enumerate(people)
    ]


@given(
    people=PEOPLE,
    since=st.none() | st.integers(0, 9),
    until=st.none() | st.integers(0, 9),
    types=st.sets(st.sampled_from(["commerce.purchases", "shop.wink"])),
    limit=st.integers(1, 5),
    newest_first=st.booleans(),
)
def test_pages_join_to_what_was_asked_for(
    people: list[list[tuple[int, str | None]]],
    since: int | None,
    until: int | None,
    types: set[str],
    limit: int,
    newest_first: bool,
) -> None:
    """Every event of the range and types once, by time; no page but the last is short."""
    timelines = stored(people)
    cursor, found = None, []
    sizes: list[int] = []
    while cursor is not None or not sizes:
        asked = question(since, until, types, limit, cursor, newest_first)
        one = turned("p", timelines, asked)  # type: ignore[arg-type]
        found += [(e.event_time, e.identity, e.event_id) for e in one.events]
        sizes.append(len(one.events))
        cursor = one.next
    wanted = {
        (e.timestamp, who, e.event_id)
        for who, entries in timelines
        for e in map(decode, entries)
        if (since is None or e.timestamp >= since) and (until is None or e.timestamp < until)
        if not types or e.event_type in types
    }
    assert (set(found), len(found)) == (wanted, len(wanted))
    times = [time for time, _, _ in found]
    assert times == sorted(times, reverse=newest_first)
    assert all(size == limit for size in sizes[:-1])
    assert len(sizes) == 1 or sizes[-1] > 0


def test_later_events_come_on_later_pages_and_none_twice() -> None:
    """Between two pages more was folded: what follows the cursor comes, what was shown does not."""
    before = stored([[(1, None), (5, None)]])
    first = turned("p", before, question(None, None, (), 1, None, False))  # type: ignore[arg-type]
    after = stored([[(1, None), (5, None), (0, None), (7, None)], [(3, None)]])
    rest = turned("p", after, question(None, None, (), 9, first.next, False))  # type: ignore[arg-type]
    assert [e.event_time for e in (*first.events, *rest.events)] == [1, 3, 5, 7]


def test_cursors_that_do_not_fit_are_refused() -> None:
    """Other text, and a cursor of the other order; neither names anybody."""
    one = turned("p", stored([[(1, None), (2, None)]]), question(None, None, (), 1, None, True))  # type: ignore[arg-type]
    assert one.next is not None
    for text, newest_first in (("", True), ("AAAA", True), ("ä", True), (one.next, False)):
        with pytest.raises(CursorError):
            question(None, None, (), 1, text, newest_first)
    with pytest.raises(ValueError, match="1 to 1000"):
        Question(limit=0)
    assert page([], Question()) == ([], None)
