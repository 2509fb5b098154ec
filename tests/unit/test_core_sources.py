"""Numbered records: a shard folds each once, whoever sends it again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from afflux import sources
from afflux.codes import Code
from afflux.limits import Expiry
from afflux.oracle.records import Event
from afflux.position import Position, PositionError, TopicPosition
from core_cases import CATALOG, linear_scorer
from core_replay import Replay
from core_step import ANNA, BEN, DAY, SETTINGS, T0, event, feed, replay, shard
from streams.numbering import HEADER, number_header, numbered, read_number
from streams.records import RecordBatch

FILE, OTHER = b"f" * 16, b"o" * 16


def log(count: int, first: int = 0, source: bytes = FILE) -> list[Event]:
    """Events number 0 to `count` of a source, at the offsets from `first` on."""
    return [
        replace(
            event(first + n, T0 + n * DAY, (ANNA, BEN)[n % 2], event_id=f"e{n}"),
            number=(source, 0, n),
        )
        for n in range(count)
    ]


def test_a_file_sent_twice_changes_nothing() -> None:
    """A row remembers sixteen ids; of forty events a second copy is dropped."""
    once, twice = replay(), replay()
    feed(once, log(40))
    feed(twice, log(40))
    feed(twice, log(40, first=40))
    assert twice.fragments == once.fragments
    assert twice.served == once.served
    counters = np.sum([p.counters for p in twice.positions.values()], axis=0)
    assert counters[Code.accepted] == 40
    assert counters[Code.duplicates] == 40


def test_a_second_copy_goes_on_where_the_first_stopped() -> None:
    """The first was cut off in the middle of a batch: what is new of the second is folded."""
    whole, resumed = replay(), replay()
    feed(whole, log(30))
    feed(resumed, log(11))
    feed(resumed, [replace(e, offset=e.offset + 11) for e in log(30)])
    names = [n for n in CATALOG.fragment.names or () if n not in ("last_offset", "slot_offset")]
    for who in (ANNA, BEN):
        rows = [CATALOG.decode_fragments([r.fragments[who]]) for r in (whole, resumed)]
        for name in names:
            assert rows[0][name].tobytes() == rows[1][name].tobytes(), name


def test_sources_are_told_apart() -> None:
    """Another source, or another partition of it, counts for itself."""
    store = replay()
    feed(store, log(4))
    feed(store, [replace(e, id_hash=e.id_hash + 1) for e in log(4, 4, OTHER)])
    at = store.positions[shard(ANNA)].sources
    assert at[FILE, 0][0] == at[OTHER, 0][0] == (3 if shard(ANNA) == shard(BEN) else 2)


def test_a_silent_source_is_forgotten() -> None:
    """After its time, by the log, the number goes; the next record of another source removes it."""
    settings = replace(SETTINGS, expiry=Expiry(source_ms=10 * DAY))
    store = Replay(CATALOG, linear_scorer(), settings)
    feed(store, [replace(event(0, T0), number=(FILE, 0, 7))])
    feed(store, [replace(event(1, T0 + 11 * DAY), number=(OTHER, 0, 0))])
    assert set(store.positions[shard(ANNA)].sources) == {(OTHER, 0)}
    feed(store, [replace(event(2, T0 + 12 * DAY), number=(FILE, 0, 7))])
    assert store.positions[shard(ANNA)].counters[Code.accepted] == 3


def test_the_longest_silent_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shard remembers so many sources and no more."""
    monkeypatch.setattr(sources, "MOST", 3)
    store = replay()
    for n in range(5):
        feed(store, [replace(event(n, T0 + n), number=(bytes([n]) * 16, 0, 0))])
    known = store.positions[shard(ANNA)].sources
    assert {name[0] for name, _ in known} == {2, 3, 4}


def test_positions_with_and_without_sources() -> None:
    """The stored form keeps them; without any it is as before; cut ones are refused."""
    plain = Position(7, (TopicPosition(b"t" * 16, 5),))
    full = replace(plain, sources={(FILE, 3): (2**40, T0), (OTHER, 0): (0, 1)})
    assert Position.decode(full.encode()) == full
    assert full.encode()[: len(plain.encode())] == plain.encode()
    with pytest.raises(PositionError):
        Position.decode(full.encode()[:-1])


def batch(*headers: list[tuple[str, bytes]]) -> RecordBatch:
    """Records with these headers, at even offsets."""
    n = len(headers)
    at = np.arange(n) * 2
    return RecordBatch("t", 0, 0, 2 * n, 1, at, at, [b"k"] * n, [b"v"] * n, headers)


def test_headers_become_columns() -> None:
    """Only records with a header that can be read have a number; the others are as they were."""
    assert numbered(batch([], [], [])) is None
    assert numbered(batch([("x", b"1")], [(HEADER, b"short")])) is None
    found = numbered(
        batch([number_header(FILE, 0, 5)], [], [("x", b"1"), number_header(OTHER, 2, 2**40)])
    )
    assert found is not None
    assert found.offset.tolist() == [0, 4]
    assert [found.names[i] for i in found.source] == [(FILE, 0), (OTHER, 2)]
    assert found.number.tolist() == [5, 2**40]
    assert found.between(1, 9).offset.tolist() == [4]
    assert read_number([("x", b"1")]) is None
