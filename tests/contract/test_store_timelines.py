"""Timelines in every shard store: one suite over memory, a Redis server and a Redis Cluster."""

from __future__ import annotations

import random
import struct
from dataclasses import replace

import pytest

from afflux.names import EVENTS
from afflux.timeline.growth import GONE, Growth
from profile_store.contract import Commit
from profile_store.errors import StoreMisconfigured
from store_cases import KEYS, Harness, fence, first, person, position, rows, second

pytest_plugins = ["store_harness"]


def entry(offset: int, ts: int = 0, text: bytes = b"") -> bytes:
    """What a store looks at of an event, and what it does not."""
    return struct.pack("<qq", offset, ts) + text


def grow(commit: Commit, most: int, **growths: Growth) -> Commit:
    """The commit, with growths of the timelines of people, `p1=...`."""
    writes = [(person(int(name[1:])), EVENTS, growth.pack()) for name, growth in growths.items()]
    return replace(commit, timelines=writes, timeline_events=most)


def stored(harness: Harness, shard: int, number: int) -> object:
    """A timeline as the store holds it, None where there is none."""
    (key,) = KEYS.timelines(shard, [(person(number), EVENTS)])
    return harness.dump().get(key)


async def test_events_are_added_at_the_end_and_the_last_ones_stay(harness: Harness) -> None:
    """Of each person as many as are to stay, in the order of the log, whatever their bytes."""
    odd = entry(3, 0, b"\x00\r\n$-1\r\n" + bytes(range(256)))
    await harness.store.commit(
        [grow(first(5), 2, p1=Growth([entry(1), entry(2), odd]), p2=Growth([entry(4)]))]
    )
    assert stored(harness, 5, 1) == (entry(2), odd)
    await harness.store.commit([grow(second(5), 2, p1=Growth([entry(7)]))])
    assert stored(harness, 5, 1) == (odd, entry(7))
    assert stored(harness, 5, 2) == (entry(4),)


async def test_what_is_there_is_not_added_again(harness: Harness) -> None:
    """After a script that failed half-way the same commit comes again: no event stands twice."""
    await harness.store.commit([grow(first(), 9, p1=Growth([entry(1), entry(2)]))])
    again = Growth([entry(1), entry(2, 0, b"again"), entry(3)])
    await harness.store.commit([grow(second(), 9, p1=again)])
    assert stored(harness, 0, 1) == (entry(1), entry(2), entry(3))


async def test_a_timeline_begins_anew_or_goes(harness: Harness) -> None:
    """A deleted person has none, and who comes back has only what came after."""
    await harness.store.commit(
        [grow(first(), 9, p1=Growth([entry(1)]), p2=Growth([entry(2)]), p3=Growth([entry(3)]))]
    )
    await harness.store.commit(
        [grow(second(), 9, p1=Growth([entry(1), entry(4)], anew=True), p2=Growth([], anew=True))]
    )
    assert stored(harness, 0, 1) == (entry(1), entry(4))
    assert stored(harness, 0, 2) is None
    assert stored(harness, 0, 3) == (entry(3),)
    assert Growth([], anew=True).pack() == GONE


async def test_old_events_go_from_the_beginning(harness: Harness) -> None:
    """Those before the first that is young enough; where none is the timeline is gone."""
    await harness.store.commit(
        [grow(first(), 9, p1=Growth([entry(1, 10), entry(2, 30), entry(3, 5)]))]
    )
    await harness.store.commit([grow(second(), 9, p1=Growth([entry(4, 40)], oldest=30))])
    assert stored(harness, 0, 1) == (entry(2, 30), entry(3, 5), entry(4, 40))
    third = Commit(0, fence(2), position(3), b"")
    await harness.store.commit([grow(third, 9, p1=Growth([], oldest=41))])
    assert stored(harness, 0, 1) is None


async def test_a_lost_race_changes_no_timeline(harness: Harness) -> None:
    """Where the position is another one nothing is added and nothing goes."""
    await harness.store.commit([grow(first(), 9, p1=Growth([entry(1)]))])
    before = harness.dump()
    lost = grow(Commit(0, fence(7), position(8), b""), 9, p1=Growth([entry(2)], anew=True))
    (result,) = await harness.other.commit([lost])
    assert not result.landed
    assert harness.dump() == before


async def test_a_timeline_of_another_type_stops_the_commit(harness: Harness) -> None:
    """Before anything was written, also of the other timelines."""
    (key,) = KEYS.timelines(0, [(person(2), EVENTS)])
    harness.spoil(key)
    growths = {f"p{n}": Growth([entry(1)]) for n in (1, 2, 3)}
    with pytest.raises(StoreMisconfigured):
        await harness.store.commit([grow(first(fragments=rows([1])), 9, **growths)])
    assert set(harness.dump()) == {key}


async def test_timelines_come_with_everything_else(harness: Harness) -> None:
    """A commit of every kind of write finds each of its arguments."""
    full = first(
        3, outbox=b"out", fragments=rows([1]), deadlines={person(1): 5, person(2): 0},
        interests=[(person(1), b"")], served=[(person(1), b"s")],
    )  # fmt: skip
    await harness.store.commit([grow(full, 9, p1=Growth([entry(1)]), p2=Growth([entry(2)]))])
    dump = harness.dump()
    assert {key[:2] for key in dump} == {b"p:", b"o:", b"d:", b"f:", b"v:", b"t:"}
    assert stored(harness, 3, 2) == (entry(2),)
    assert dump[KEYS.deadlines(3)] == {person(1): 5}


async def test_any_growths_leave_what_the_core_says(harness: Harness) -> None:
    """Many random growths, long ones among them, against the words of `Growth.after`."""
    rng, offset, most = random.Random(7), 0, 60
    expected: dict[int, tuple[bytes, ...]] = {}
    for version in range(40):
        growths = {}
        for n in rng.sample(range(5), rng.randint(1, 5)):
            events = []
            for _ in range(rng.choice([0, 1, 1, 3, 200])):
                offset += rng.randint(1, 3)
                events.append(entry(offset, 10 * version + rng.randint(-30, 30), b"x" * n))
            oldest = rng.choice([0, 0, 10 * version - 20])
            growths[f"p{n}"] = growth = Growth(events, rng.random() < 0.1, oldest)
            expected[n] = growth.after(expected.get(n, ()), most)
        before = fence(version) if version else b""
        commit = Commit(0, before, position(version + 1), b"")
        await harness.store.commit([grow(commit, most, **growths)])
    assert {n: stored(harness, 0, n) or () for n in expected} == expected
