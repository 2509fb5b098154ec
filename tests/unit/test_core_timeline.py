"""Entries of timelines: what is kept of an event, and what a damaged one is."""

from __future__ import annotations

import numpy as np
import pytest

from afflux.columns import Kind
from afflux.limits import Timelines
from afflux.mentions import Subject
from afflux.oracle.interests import Mention
from afflux.oracle.records import Event
from afflux.rows import RowError
from afflux.timeline.growth import GONE, Growth
from afflux.timeline.storage import TYPES, Entry, decode, encode
from afflux.timeline.table import TimelineTable
from core_replay import columns_of

WHO = b"crm:1"


def event(offset: int, **more: object) -> Event:
    """An event of one person."""
    given = {"event_type": "commerce.purchases", **more}
    return Event(
        offset, 1000 + offset, 0, WHO, 1, f"e{offset}", offset + 1, Kind.OTHER,  # type: ignore[arg-type]
        float(given.pop("amount", 0.0)), 0.0, **given,  # type: ignore[arg-type]
    )  # fmt: skip


def kept(*events: Event) -> list[Entry]:
    """As they are stored and read again."""
    return [decode(entry) for entry in encode(columns_of(events), np.arange(len(events)))]


def test_an_entry_says_when_what_how_much_and_about_what() -> None:
    """Known types as a number, others as text; products before pages, three at most."""
    things = tuple(
        Mention(subject, n + 1, b"id%d" % n) for n, subject in enumerate([4, 2, 1, 0, 1, 1, 1])
    )
    first, second, third = kept(
        event(1, amount=9.5, mentions=things),
        event(2, event_type="shop.wink", mentions=things[:2]),
        event(3, event_type=None),
    )
    products = tuple((Subject.PRODUCT, f"id{n}") for n in (2, 4, 5))
    assert first == Entry(1, 1001, "e1", "commerce.purchases", 9.5, 0.0, products)
    assert second == Entry(2, 1002, "e2", "shop.wink", 0.0, 0.0, ((Subject.PAGE, "id1"),))
    assert third == Entry(3, 1003, "e3", None, 0.0, 0.0, ())


def test_known_types_keep_their_numbers() -> None:
    """What is stored is read by later versions: the first ones stay where they are."""
    assert TYPES[0] == "web.webpagedetails.pageViews"
    assert TYPES[6] == "commerce.purchases"
    assert TYPES[11] == "decisioning.propositionInteract"
    assert len(set(TYPES)) == len(TYPES) < 256


@pytest.mark.parametrize("cut", range(1, 40, 3))
def test_a_damaged_entry_is_refused(cut: int) -> None:
    """Too short by any number of bytes, or too long: an error that repeats nothing of it."""
    (whole,) = encode(columns_of([event(7, amount=3.0, event_type="shop.wink")]), np.arange(1))
    for damaged in (whole[:-cut], whole + b"x" * cut):
        with pytest.raises(RowError) as refused:
            decode(damaged)
        assert "wink" not in str(refused.value)


def test_a_hot_person_sends_no_more_than_is_kept() -> None:
    """Of a thousand events of a batch the last ones leave the step."""
    events = [event(n) for n in range(1000)]
    table, row, ts = TimelineTable(Timelines(3)), np.zeros(1000, np.int64), np.arange(1000)
    table.add(row, np.arange(1000), ts, ts)
    (growth,) = table.changes(columns_of(events), row, np.empty(0, np.int64)).values()
    assert [decode(e).offset for e in Growth.unpack(growth).entries] == [997, 998, 999]


def test_a_row_that_is_cleared_keeps_what_came_after() -> None:
    """Deleted between two events of a batch: the first of them does not leave the step."""
    columns = columns_of([event(1), event(2)])
    table, zero = TimelineTable(Timelines(9)), np.zeros(1, np.int64)
    table.add(zero, np.array([0]), zero, zero)
    table.clear(0)
    table.clear(5)
    table.add(zero, np.array([1]), zero, zero)
    changes = table.changes(columns, np.zeros(6, np.int64), np.empty(0, np.int64))
    growth = Growth.unpack(changes[0])
    assert ([decode(e).offset for e in growth.entries], growth.anew) == ([2], True)
    assert changes[5] == GONE
