"""Rows go to bytes and back, many at a time; rows of another layout are refused."""

from __future__ import annotations

import numpy as np
import pytest

from afflux.catalog import Catalog
from afflux.columns import Kind
from afflux.limits import DAY_MS
from afflux.names import ModelName
from afflux.outcomes import Eligible, ModelSpec, Outcome
from afflux.rows import RowError
from core_cases import CATALOG

CHURN = ModelSpec(ModelName("churn"), Outcome("will_not", (Kind.PURCHASE,), 14 * DAY_MS))


def test_every_feature_has_a_name_and_a_phrase() -> None:
    """Names are unique, and marketers have words for all of them."""
    assert len(set(CATALOG.features)) == len(CATALOG.features) == CATALOG.dimension
    assert len(CATALOG.phrases) == CATALOG.dimension
    assert all(CATALOG.phrases)
    assert CATALOG.dimension < 256  # factors are kept in a byte


def test_rows_come_back_and_missing_ones_are_new() -> None:
    """None in the store is a new row."""
    rows = CATALOG.new_fragments(3)
    rows["last_offset"] = [4, 5, 6]
    first, _, third = CATALOG.encode_rows(rows)
    back = CATALOG.decode_fragments([first, None, third])
    assert back["last_offset"].tolist() == [4, -1, 6]
    assert back[1].tobytes() == CATALOG.new_fragments(1).tobytes()
    back["links"] = 1  # writable


def test_served_rows_keep_their_tail() -> None:
    """The as-of event id stands behind the row."""
    row = CATALOG.encode_rows(CATALOG.new_served(1))[0]
    served, tails = CATALOG.decode_served([row + b"event-1", None])
    assert tails == [b"event-1", b""]
    assert np.isnan(served["value"]).all()


def test_no_rows_are_no_rows() -> None:
    """Empty in, empty out."""
    assert len(CATALOG.decode_fragments([])) == 0
    assert CATALOG.encode_rows(CATALOG.new_fragments(0)) == []
    assert CATALOG.matrix(CATALOG.new_fragments(0), np.empty(0, np.int64)).shape == (0, 42)


@pytest.mark.parametrize("damage", [slice(0, -1), slice(1, None)])
def test_cut_rows_are_refused(damage: slice) -> None:
    """A row of another size is an error."""
    row = CATALOG.encode_rows(CATALOG.new_fragments(1))[0]
    with pytest.raises(RowError, match="bytes"):
        CATALOG.decode_fragments([row[damage]])


def test_rows_of_other_models_are_refused() -> None:
    """Another window is another layout, though the bytes have the same size."""
    value = CATALOG.models[1]
    longer = ModelSpec(value.name, Outcome("amount", (Kind.PURCHASE,), 90 * DAY_MS))
    other = Catalog([CATALOG.models[0], longer])
    assert other.layout != CATALOG.layout
    with pytest.raises(RowError, match="layout"):
        CATALOG.decode_fragments(other.encode_rows(other.new_fragments(1)))


def test_layout_is_the_same_on_every_machine() -> None:
    """A change of features, models or fields changes this number: rows must be folded anew."""
    again = Catalog(CATALOG.models)
    assert again.layout == CATALOG.layout
    assert again.fragment.isbuiltin == 0
    assert all(again.fragment[n].base.str[0] in "<|" for n in again.fragment.names or ())


@pytest.mark.parametrize(
    ("models", "why"),
    [
        ([], "0 models"),
        ([CHURN, CHURN], "same name"),
        ([ModelSpec(ModelName("x"), CHURN.outcome, Eligible("revenue"))], "revenue"),
        ([ModelSpec(ModelName("x"), CHURN.outcome, Eligible("purchase"))], "neither a channel"),
        (
            [ModelSpec(ModelName("x"), CHURN.outcome, Eligible("purchases", 2.0, 1000))],
            "only the last time is kept",
        ),
        ([ModelSpec(ModelName("x"), Outcome("will", (" a.b",), 1000))], "no event type"),
        (
            [ModelSpec(ModelName("x"), Outcome("will", tuple(f"a.{i}" for i in range(33)), 1000))],
            "33 event types, at most 32",
        ),
    ],
)
def test_impossible_catalogs_are_refused(models: list[ModelSpec], why: str) -> None:
    """No models, two of a name, what is not counted, mistyped or not kept, and names of no type."""
    with pytest.raises(ValueError, match=why):
        Catalog(models)


def test_outcomes_say_what_they_are() -> None:
    """Words for the pages and the snapshots."""
    assert [m.outcome.describe() for m in CATALOG.models] == [
        "no purchase within 14 days",
        "amount of purchase events in the next 28 days",
    ]
    assert [m.link for m in CATALOG.models] == ["probability", "amount"]
