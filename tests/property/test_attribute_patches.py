"""Whole records, patches and deletes: the fold against an oracle, bit for bit, in any rhythm."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from afflux import attributes
from afflux.attributes import (
    AttributePatch,
    AttributeRecord,
    Value,
    fold_attributes,
    read_attributes,
    stored_facts,
)
from afflux.names import Identity

WHO = Identity(b"crm:1")
NAMES = "abcdé"
Said = AttributeRecord | AttributePatch

times = st.integers(1, 12)
values: st.SearchStrategy[Value] = st.one_of(
    st.integers(-2, 2), st.booleans(), st.sampled_from(["", "x", "ü"]), st.just(0.5)
)


@st.composite
def patches(draw: st.DrawFn) -> tuple[int, dict[str, Value], list[str]]:
    """A time, what is set, what is removed."""
    upsert = draw(st.dictionaries(st.sampled_from(NAMES), values, max_size=3))
    gone = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=3))
    return draw(times), upsert, [name for name in gone if name not in upsert]


@st.composite
def logs(draw: st.DrawFn) -> tuple[list[AttributeRecord], list[AttributePatch]]:
    """Two logs: whole records, and patches; offsets are places in either."""
    whole = draw(
        st.lists(st.tuples(times, st.dictionaries(st.sampled_from(NAMES), values, max_size=3)),
                 max_size=5)
    )  # fmt: skip
    parts = draw(st.lists(patches(), max_size=8))
    return (
        [AttributeRecord(o, at, WHO, said) for o, (at, said) in enumerate(whole)],
        [AttributePatch(o, at, WHO, upsert, gone) for o, (at, upsert, gone) in enumerate(parts)],
    )


def oracle(
    whole: list[AttributeRecord], parts: list[AttributePatch], deleted_at: int, most: int
) -> bytes:
    """The row, from all that was ever said, name by name, without any state in between."""
    alive = [r for r in whole if r.timestamp > deleted_at]
    last = max(alive, key=lambda r: (r.timestamp, r.offset), default=None)
    words: list[tuple[int, int, str, Value | None]] = []
    for name in NAMES:
        said = [p for p in parts if name in p.upsert or name in p.remove]
        if said:
            p = max(said, key=lambda p: (p.timestamp, p.offset))
            since = max(deleted_at + 1, last.timestamp if last else 0)
            if p.timestamp >= since:
                words.append((p.timestamp, p.offset, name, p.upsert.get(name)))
    words = sorted(words, key=lambda w: w[:3])[len(words) - min(len(words), most) :]
    content: dict[str, Any] = {}
    if last is not None:
        content |= {
            "attributes": dict(last.attributes), "offset": last.offset, "timestamp": last.timestamp,
        }  # fmt: skip
    if words:
        content["patches"] = {
            name: [at, offset] if value is None else [at, offset, value]
            for at, offset, name, value in words
        }
    if not content:
        return b""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def shown(
    whole: list[AttributeRecord], parts: list[AttributePatch], deleted_at: int
) -> dict[str, Value]:
    """What a reader gets, by playing everything in the order of its time."""
    events: list[tuple[int, int, int, Said]] = [
        *((r.timestamp, 0, r.offset, r) for r in whole),
        *((p.timestamp, 1, p.offset, p) for p in parts),
    ]
    now: dict[str, Value] = {}
    for at, _, _, said in sorted(events, key=lambda e: e[:3]):
        if at <= deleted_at:
            continue
        if isinstance(said, AttributeRecord):
            now = dict(said.attributes)
        else:
            now = {n: v for n, v in {**now, **said.upsert}.items() if n not in said.remove}
    return now


def folded(
    whole: list[AttributeRecord], parts: list[AttributePatch], deletes: list[int], rng: Any
) -> bytes:
    """Both logs in batches of any size, in any rhythm, deletes in between; a batch may come twice.

    As a worker does it: each log in its order, the last delete known from when it was folded on.
    """
    left: list[list[Said]] = [list(whole), list(parts)]
    deletes, deleted_at, row = list(deletes), 0, b""
    while any(left) or deletes:
        which = rng.randrange(3)
        if which == 2:
            if deletes:
                deleted_at = max(deleted_at, deletes.pop(0))
                row = fold_attributes(row or None, (), deleted_at)
            continue
        n = rng.randint(1, 4)
        batch, left[which] = left[which][:n], left[which][n:]
        for _ in range(rng.randint(1, 2)):
            row = fold_attributes(row or None, batch, deleted_at)
    return row


@settings(max_examples=400)
@given(logs(), st.lists(times, max_size=2), st.randoms(use_true_random=False))
def test_rows_are_the_oracles_bit_for_bit_however_the_logs_are_cut(
    both: tuple[list[AttributeRecord], list[AttributePatch]], deletes: list[int], rng: Any
) -> None:
    """Any batches, any interleaving of the two topics, redelivery: the same bytes."""
    row = folded(*both, deletes, rng)
    deleted_at = max(deletes, default=0)
    assert row == oracle(*both, deleted_at, 99)
    assert read_attributes(row) == shown(*both, deleted_at)


@settings(max_examples=300)
@given(logs(), st.lists(times, max_size=1), st.integers(1, 3), st.randoms(use_true_random=False))
def test_a_full_row_keeps_the_newest_whatever_came_first(
    both: tuple[list[AttributeRecord], list[AttributePatch]], deletes: list[int], most: int,
    rng: Any,
) -> None:  # fmt: skip
    """The limit of patched names does not depend on batches either."""
    before = attributes.MOST_PATCHED
    attributes.MOST_PATCHED = most
    try:
        row = folded(*both, deletes, rng)
    finally:
        attributes.MOST_PATCHED = before
    assert row == oracle(*both, max(deletes, default=0), most)


@given(logs())
def test_every_fact_has_the_time_of_the_word_that_it_is_of(
    both: tuple[list[AttributeRecord], list[AttributePatch]],
) -> None:
    """Of a patch its own, of the whole record that of the record."""
    whole, parts = both
    facts = stored_facts(fold_attributes(None, [*whole, *parts], 0))
    for name, (at, value) in facts.items():
        said = [r.attributes.get(name) for r in whole if r.timestamp == at]
        said += [p.upsert.get(name) for p in parts if p.timestamp == at]
        assert any(value == one and type(value) is type(one) for one in said)
