"""Attributes: the last record wins, a delete is met whenever it comes."""

from __future__ import annotations

from itertools import permutations

import pytest

from afflux.attributes import AttributeRecord, AttributesError, fold_attributes, read_attributes
from afflux.names import Identity

WHO = Identity(b"crm:1")


def record(offset: int, timestamp: int, **attributes: str | int | float | bool) -> AttributeRecord:
    """A record of one person."""
    return AttributeRecord(offset, timestamp, WHO, attributes)


def test_last_record_wins_as_a_whole() -> None:
    """Fields of an older record do not shine through."""
    stored = fold_attributes(None, [record(1, 10, age=30, city="Köln")], 0)
    stored = fold_attributes(stored, [record(2, 11, age=31)], 0)
    assert read_attributes(stored) == {"age": 31}


def test_any_order_and_any_batches_give_the_same_bytes() -> None:
    """(timestamp, offset) decides, a tie of times goes to the later offset."""
    records = [record(1, 10, a=1.5), record(2, 12, b=True), record(3, 12, c="x")]
    results = set()
    for order in permutations(records):
        stored: bytes | None = None
        for one in order:
            stored = fold_attributes(stored, [one], 0)
        results |= {stored, fold_attributes(None, order, 0)}
    assert results == {b'{"attributes":{"c":"x"},"offset":3,"timestamp":12}'}


def test_delete_is_met_before_and_after() -> None:
    """What is not newer than the delete is gone, whichever topic is read first."""
    before = fold_attributes(fold_attributes(None, [record(1, 10, a=1)], 0), (), 10)
    after = fold_attributes(None, [record(1, 10, a=1)], 10)
    assert before == after == b""
    assert read_attributes(fold_attributes(None, [record(2, 11, a=2)], 10)) == {"a": 2}


def test_nothing_stored_is_nothing_known() -> None:
    """No key, no attributes."""
    assert read_attributes(None) == read_attributes(b"") == {}


@pytest.mark.parametrize("data", [b"{", b"[]", b'{"offset":1}', b"\xff"])
def test_damaged_bytes_are_refused(data: bytes) -> None:
    """Damage is an error, not an empty profile."""
    with pytest.raises(AttributesError):
        read_attributes(data)
