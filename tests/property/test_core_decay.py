"""Forward decay: exact weights, exact moves of the base, the same bits for any batches."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from afflux.columns import Kind
from afflux.features import FEATURES
from afflux.features.channels import CHANNELS, addends
from afflux.features.contract import Cut
from afflux.features.decayed import HALF_LIVES, decayed
from afflux.features.powers import POWERS
from afflux.oracle.row import Row
from afflux.workspace import RowFields
from core_cases import CATALOG

DAY = 86_400_000
T0 = 1_483_228_800_000
REVENUE = CHANNELS.index("revenue")

PURCHASES = st.lists(
    st.tuples(
        st.integers(0, 2),  # row
        st.one_of(st.integers(0, 30 * DAY), st.integers(0, 40_000 * DAY)),
        st.sampled_from([0.0, 2.0**-41, 2.0**-40, 1e-9, 0.01, 1.0, 33.33, 1e12]),
    ),
    min_size=1,
    max_size=60,
)


def fold(purchases: Sequence[tuple[int, int, float]], size: int) -> np.ndarray:
    """Rows after purchases (row, ms after T0, amount), in batches."""
    table = CATALOG.new_fragments(3)
    for base in range(0, len(purchases), size):
        part = sorted(purchases[base : base + size], key=lambda p: p[0])
        row = np.array([p[0] for p in part], np.int64)
        ts = np.array([T0 + p[1] for p in part], np.int64)
        amount = np.array([p[2] for p in part])
        kind = np.full(len(part), Kind.PURCHASE, np.uint8)
        rows = RowFields(table)
        cut = Cut(row, ts, kind, addends(row, ts, kind, amount, amount), kind)
        for feature in FEATURES:
            feature.update(rows, cut)
        table = rows.packed()
    return table


def test_powers_are_rounded_to_nearest() -> None:
    """Every entry of the table is the float next to the true power."""
    with localcontext() as context:
        context.prec = 60
        for i, power in enumerate(POWERS.tolist()):
            assert power == float(Decimal(2) ** (Decimal(i) / 1024))


@given(PURCHASES, st.integers(1, 60))
def test_any_batches_give_the_bits_of_one_by_one(
    purchases: list[tuple[int, int, float]], size: int
) -> None:
    """A century of silence, amounts of 0 and late purchases included."""
    table = fold(purchases, size)
    assert table.tobytes() == fold(purchases, 1).tobytes()
    for r in range(3):
        oracle = Row(2)
        for row, ts, amount in purchases:
            if row == r:
                oracle.fold(T0 + ts, Kind.PURCHASE, amount, amount, 1, "")
        assert table["decay"][r].tolist() == oracle.sums
        assert table["decay_base"][r].tolist() == oracle.bases


@given(PURCHASES, st.integers(0, 400 * DAY))
def test_sums_are_near_the_exact_ones(purchases: list[tuple[int, int, float]], later: int) -> None:
    """The decayed sum is the sum of x * 2^(-age / half-life), ages in 1,024ths."""
    table = fold(purchases, 7)
    at = int(table["last_ts"].max()) + later
    got = decayed(table, np.full(3, at))
    for r in range(3):
        for h, half_life in enumerate(HALF_LIVES.tolist()):
            exact = Fraction(0)
            for row, ts, amount in purchases:
                age = at * 1024 // half_life - (T0 + ts) * 1024 // half_life
                if row == r and amount >= 2.0**-40 and age < 1024 * 900:
                    whole, frac = divmod(-age, 1024)
                    weight = Fraction(POWERS[frac].item()) * Fraction(2) ** whole
                    exact += Fraction(amount) * weight
            assert abs(got[r, h, REVENUE] - float(exact)) <= 1e-12 * float(exact) + 1e-250


def test_decay_halves_in_a_half_life() -> None:
    """One purchase of 8 is worth 4 after 7 days and 1 after 21, up to a 1,024th."""
    table = fold([(0, 0, 8.0)], 1)
    for days, worth in ((0, 8.0), (7, 4.0), (21, 1.0)):
        got = decayed(table[:1], np.array([T0 + days * DAY]))[0, 0, REVENUE]
        assert abs(got - worth) < worth * 1e-3


def test_a_row_may_be_read_far_from_its_events() -> None:
    """Long after, nothing is left; long before, the vector is clipped, not infinite."""
    table = fold([(0, 0, 1e12)], 1)[:1]
    assert decayed(table, np.array([T0 + 40_000 * DAY])).max() < 1e-150
    assert decayed(table, np.array([T0 + 200_000 * DAY])).max() == 0.0
    assert np.isfinite(CATALOG.matrix(table, np.array([1])).astype(float)).all()
