"""Features say what their phrases promise, on a small life that can be checked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from afflux.columns import Kind
from core_cases import CATALOG
from core_step import Person

HOUR, DAY = 3_600_000, 86_400_000
MONDAY_9 = 1_483_347_600_000  # 2017-01-02T09:00Z


def features(person: Person, at: int) -> dict[str, float]:
    """Values by name at a time."""
    matrix = CATALOG.matrix(person.fragment, np.array([at]))
    return dict(zip(CATALOG.features, matrix[0].astype(float).tolist(), strict=True))


@pytest.fixture
def shopper() -> Person:
    """A view, purchases of 10 and 30 with 4 days between, an exposure; all from a Monday on."""
    person = Person()
    person.see(MONDAY_9, Kind.PAGE_VIEW)
    person.see(MONDAY_9 + HOUR, Kind.PURCHASE, 10.0, 1.0)
    person.see(MONDAY_9 + HOUR + 4 * DAY, Kind.PURCHASE, 30.0, 5.0)
    person.see(MONDAY_9 + 5 * DAY, Kind.EXPOSURE)
    return person


def test_values_of_a_small_life(shopper: Person) -> None:
    """Recencies in log days, means over purchases, gaps and their ratio."""
    at = MONDAY_9 + HOUR + 8 * DAY
    got = features(shopper, at)
    expected = {
        "lifetime_purchases": math.log1p(2),
        "mean_basket": math.log1p(20),
        "mean_basket_items": math.log1p(3),
        "gap_mean": math.log1p(4),
        "gap_spread": 0.0,
        "gap_ratio": math.log1p(1),
        "no_gap": 0.0,
        "purchase_recency": math.log1p(4),
        "view_recency": math.log1p(8 + 1 / 24),
        "exposure_recency": math.log1p(3 + 1 / 24),
        "add_recency": 0.0,
        "never_purchased": 0.0,
        "never_viewed": 0.0,
        "never_exposed": 0.0,
        "tenure": math.log1p(8 + 1 / 24),
        "hour_sin": math.sin(2 * math.pi * 10 / 24),
        "weekday_cos": math.cos(2 * math.pi / 7),
    }
    for name, value in expected.items():
        assert got[name] == pytest.approx(value, rel=1e-3, abs=1e-6), name


def test_decay_forgets_at_its_pace(shopper: Person) -> None:
    """Money decays by half in 7 and in 60 days."""
    at = MONDAY_9 + HOUR + 18 * DAY
    got = features(shopper, at)
    for days in (7, 60):
        worth = 10 * 2 ** (-18 / days) + 30 * 2 ** (-14 / days)
        assert got[f"revenue_{days}d"] == pytest.approx(math.log1p(worth), rel=2e-3)


def test_nothing_known_is_flagged() -> None:
    """Of somebody new everything is 0 but the flags and the calendar."""
    got = features(Person(), MONDAY_9)
    known = {k: v for k, v in got.items() if v and not k.startswith(("hour", "weekday"))}
    assert known == {"no_gap": 1, "never_purchased": 1, "never_viewed": 1, "never_exposed": 1}


def test_late_purchase_makes_no_gap(shopper: Person) -> None:
    """It counts as a purchase, but not in the rhythm."""
    shopper.see(MONDAY_9 + 2 * DAY, Kind.PURCHASE, 20.0, 3.0)
    assert shopper.fragment["gap_n"].tolist() == [1]
    assert shopper.fragment["life"][0, 1] == 3.0


def test_vectors_are_always_finite_float16() -> None:
    """Huge money and ages are clipped, not infinite."""
    person = Person()
    person.see(1, Kind.PURCHASE, 1e300, 1e300)
    person.see(MONDAY_9, Kind.PURCHASE, 1e300, 1e300)
    for at in (1, MONDAY_9, 2**43):
        matrix = CATALOG.matrix(person.fragment, np.array([at]))
        assert matrix.dtype == np.float16
        assert np.isfinite(matrix).all()
