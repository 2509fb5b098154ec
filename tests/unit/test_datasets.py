"""Declarations of data sets: what may be declared, what may change, and what never does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afflux.datasets import BUILT_IN, DatasetError, Declaration, checked, misfit
from afflux.limits import DAY_MS
from afflux.names import Dataset
from afflux.position import Position, TopicPosition, Watermark
from profile_store.dataset_definitions import SETTLED_MS, Datasets
from profile_store.errors import StoreMisconfigured
from streams.dataset_topics import all_topics, inputs

CRM = Declaration(Dataset("crm"), "record", "crm-records", 0, fields={"tier": "string"})


def test_every_installation_has_two() -> None:
    """Nothing declared is nothing stored, and the topics of before."""
    assert Datasets().encode() == b""
    assert Datasets.decode(b"") == Datasets()
    assert [one.topic for one in Datasets().by_number] == [t.name for t in inputs(Datasets())]


def test_what_is_declared_is_read_back() -> None:
    """All of it, with topic and dead letters in the table of topics."""
    some = Datasets().created(replace(CRM, ttl_ms=9 * DAY_MS, precedence=7))
    assert Datasets.decode(some.encode()) == some
    assert {"crm-records", "crm-records.dlq"} < {topic.name for topic in all_topics(some)}
    assert [one.name for one in some.records] == ["attributes", "crm"]


def test_numbers_are_never_used_again() -> None:
    """Positions know topics by number: what is declared after a delete has another one."""
    one = Datasets().created(CRM).switched("crm", False, 1).deleted("crm", 1 + SETTLED_MS)
    again = one.created(CRM)
    assert (again.one("crm").number, again.version) == (4, 4)


def test_fields_only_grow() -> None:
    """More are taken, none goes or changes its type, and nothing else changes by creating again."""
    some = Datasets().created(CRM)
    more = some.created(replace(CRM, fields={"tier": "string", "points": "long"}))
    assert set(more.one("crm").fields) == {"tier", "points"}
    assert more.created(replace(CRM, fields=more.one("crm").fields, changed_at=9)) == more
    for wrong in ({}, {"points": "long"}, {"tier": "long"}):
        with pytest.raises(DatasetError, match="fields are added"):
            some.created(replace(CRM, fields=wrong))
    for other in (replace(CRM, precedence=3), replace(CRM, topic="x"), replace(CRM, ttl_ms=DAY_MS)):
        with pytest.raises(DatasetError, match="already"):
            some.created(other)


def test_a_delete_waits_until_no_worker_writes() -> None:
    """Built-in ones stay; others must be off, and for long enough."""
    some = Datasets().created(CRM)
    with pytest.raises(DatasetError, match="built in"):
        some.deleted("attributes", 0)
    with pytest.raises(DatasetError, match="disable crm"):
        some.deleted("crm", 0)
    off = some.switched("crm", False, 1_000)
    with pytest.raises(DatasetError, match="again in 3 s"):
        off.deleted("crm", 3_500)
    assert "crm" not in off.deleted("crm", 1_000 + SETTLED_MS).declared


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (replace(CRM, name=Dataset("CRM")), "no name"),
        (replace(CRM, name=Dataset("a:b")), "no name"),
        (replace(CRM, topic="a b"), "no name of a topic"),
        (replace(CRM, topic=BUILT_IN[0].topic), "another data set"),
        (replace(CRM, ttl_ms=5), "an hour"),
        (replace(CRM, precedence=-1), "precedence"),
        (replace(CRM, fields={"tier": "text"}), "no type"),
        (replace(CRM, fields={"": "string"}), "no name"),
        (replace(CRM, kind="events"), "fields of ExperienceEvent"),
    ],
)
def test_what_cannot_be_is_refused(wrong: Declaration, why: str) -> None:
    """With the reason."""
    with pytest.raises(DatasetError, match=why):
        Datasets().created(wrong)


@pytest.mark.parametrize("data", [b"{", b"[]", b'{"format":2}', b'{"format":1,"version":1}'])
def test_damaged_declarations_are_refused(data: bytes) -> None:
    """Damage is an error, not an installation without data sets."""
    with pytest.raises(StoreMisconfigured):
        Datasets.decode(data)


@pytest.mark.parametrize(
    ("kind", "value", "fits"),
    [
        ("string", "x", True), ("string", 1, False), ("double", 1, True), ("double", 1.5, True),
        ("double", True, False), ("long", 1, True), ("long", 1.0, False), ("long", True, False),
        ("boolean", False, True), ("boolean", 0, False),
    ],
)  # fmt: skip
def test_values_fit_their_type(kind: str, value: object, fits: bool) -> None:
    """Whole numbers are doubles, booleans are no numbers; unknown names fit nothing."""
    assert (misfit({"a": kind}, "a", value) == "") == fits
    assert misfit({"a": kind}, "b", value)
    assert misfit({}, "a", value) == ""


topics = st.builds(
    TopicPosition,
    st.binary(min_size=16, max_size=16),
    st.integers(0, 2**40),
    st.builds(Watermark, st.integers(-(2**62), 2**62)),
    st.tuples(*[st.integers(0, 2**40)] * 3),
)


@given(st.lists(topics, max_size=6), st.lists(topics, min_size=1, max_size=6))
def test_positions_keep_counts_and_begin_with_new_topics(
    known: list[TopicPosition], wanted: list[TopicPosition]
) -> None:
    """Read back as written; what has begun stays where it is, what is new is where it was put."""
    position = Position(7, tuple(known))
    assert Position.decode(position.encode()) == position
    begun = position.begun(dict(enumerate(wanted, start=2)))
    assert Position.decode(begun.encode()) == begun
    for number in range(9):
        mine = position.at(number)
        new = wanted[number - 2] if 0 <= number - 2 < len(wanted) else None
        assert begun.at(number) == (mine or (new if new and new.topic_id != bytes(16) else None))


def test_a_position_without_counts_is_as_it_was() -> None:
    """The form of before, byte for byte, as long as nothing is counted apart."""
    plain = Position(7, (TopicPosition(b"t" * 16, 42),))
    assert len(plain.encode()) == 36 + 256 + 48
    counted = Position(7, (TopicPosition(b"t" * 16, 42, counts=(1, 0, 0)),))
    assert len(counted.encode()) == len(plain.encode()) + 24


def test_checking_keeps_what_is_right() -> None:
    """Fields come out in the order of their names."""
    assert list(checked(replace(CRM, fields={"b": "long", "a": "long"})).fields) == ["a", "b"]
