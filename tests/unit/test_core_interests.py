"""Rows of interests: how large they are, what is refused, what is in them already."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from afflux.columns import Kind
from afflux.interests.reading import interests_at
from afflux.interests.rules import DEFAULT_RULES, InterestRules
from afflux.interests.storage import HEAD, full_size
from afflux.interests.table import InterestTable
from afflux.mentions import MOST_BYTES, Subject
from afflux.oracle.interests import Mention
from afflux.oracle.records import Event
from afflux.rows import RowError
from core_replay import columns_of
from core_step import ANNA, BEN, DAY, T0, event

TEA, CUP = Mention(Subject.CATEGORY, 1, b"tea"), Mention(Subject.CATEGORY, 2, b"cup")


def after(
    events: Sequence[Event], stored: bytes | None = None, rules: InterestRules = DEFAULT_RULES
) -> bytes | None:
    """Anna's row after her events; None where it did not change."""
    columns = columns_of(events)
    table = InterestTable({0: stored}, rules)
    table.fold(columns, columns.offset - columns.offset[0])
    return table.changes().get(0)


def view(offset: int, *mentions: Mention, kind: Kind = Kind.PAGE_VIEW) -> Event:
    """A visit of Anna."""
    return event(offset, T0 + offset * DAY, ANNA, kind, mentions=mentions)


def test_a_row_is_as_long_as_what_is_known() -> None:
    """The head, 18 bytes and the texts for each thing; a full row is no larger than is said."""
    row = after([view(0, TEA)])
    assert row is not None
    assert len(row) == HEAD.itemsize + 18 + len("tea") == 55
    full = [
        Mention(s, 100 * s + n + 1, b"i" * MOST_BYTES, b"n" * MOST_BYTES)
        for s in Subject
        for n in range(80)
    ]
    row = after([view(0, *full)])
    assert row is not None
    assert len(row) == full_size(DEFAULT_RULES.slots) == 25_730


@pytest.mark.parametrize("cut", [1, HEAD.itemsize - 1, HEAD.itemsize + 5, -1])
def test_damaged_rows_are_refused(cut: int) -> None:
    """Cut off anywhere, or too long, a row is said to be damaged: by the fold and by readers."""
    row = after([view(0, TEA)])
    assert row is not None
    for damaged in (row[:cut], row + b"x", b"\2" + row[1:]):
        with pytest.raises(RowError):
            after([view(1, TEA)], damaged)
        with pytest.raises(RowError):
            interests_at([(ANNA, damaged)], T0)


def test_rows_of_other_rules_are_refused() -> None:
    """Weights of other half-lives cannot be added to, and things do not vanish silently."""
    row = after([view(0, TEA, CUP)])
    for rules in (InterestRules((60, 90, 30, 30, 30)), InterestRules(slots=(1, 64, 16, 16, 16))):
        with pytest.raises(RowError, match=r"half-lives|more slots"):
            after([view(1, TEA)], row, rules)
    for wrong in (
        {"half_life_days": (0, 1, 1, 1, 1)}, {"slots": (0, 1, 1, 1, 1)}, {"slots": (1,)},
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"half-li|slot"):
            InterestRules(**wrong)


def test_what_is_in_a_row_is_not_taken_in_again() -> None:
    """A script that failed after writing the row: the repeat of the batch changes nothing."""
    events = [view(0, TEA), view(1, CUP)]
    row = after(events)
    assert after(events, row) is None
    later = [*events, view(2, TEA)]
    assert after(later, row) == after(later)


def test_what_is_no_sign_of_interest_has_no_row() -> None:
    """Who is shown something, or mentions nothing, is not written at all."""
    assert after([view(0, TEA, kind=Kind.EXPOSURE), view(1)]) is None


def test_rows_must_be_fetched() -> None:
    """Folding into a row that was not read would lose what it holds: it is an error."""
    columns = columns_of([view(0, TEA), event(1, T0, BEN, Kind.PURCHASE, mentions=[CUP])])
    nothing: dict[int, bytes | None] = {}
    for stored in (nothing, {0: None}):
        table = InterestTable(stored, DEFAULT_RULES)
        with pytest.raises(ValueError, match="fetched"):
            table.fold(columns, columns.offset)
