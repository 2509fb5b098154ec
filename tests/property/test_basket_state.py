"""Rows of people and facts of items equal what plain Python makes of the same baskets."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from afflux.baskets.items import TREND_HALF_LIFE, Items, counted
from afflux.baskets.person import PERSON, fold
from basket_logs import DAY, baskets
from basket_oracle import Facts, Person

keys = st.lists(st.integers(1, 130), min_size=1, max_size=40, unique=True)
logs = st.lists(st.tuples(st.integers(0, 30 * DAY), keys, keys), min_size=1, max_size=12)
"""Steps of time, and a basket each of two people."""


@settings(max_examples=40, deadline=None)
@given(logs)
def test_rows_and_facts_equal_a_naive_recomputation(
    log: list[tuple[int, list[int], list[int]]],
) -> None:
    """Every slot bit for bit, in its place; the facts from all baskets weighed anew.

    Two people at a time, as blocks have them; with 130 items the 64 slots overflow.
    """
    rows, items = np.zeros(2, PERSON), Items.none()
    people, facts, now = [Person(), Person()], Facts(), 1_000_000
    for step, *both in log:
        now += step
        block = baskets(*((now, sorted(k)) for k in both))
        items = counted(items, rows, block)
        rows = fold(rows, block)
        for person, bought in zip(people, both, strict=True):
            facts.add(now, bought, list(person.slots))
            person.fold(now, sorted(bought))
    for row, person in zip(rows, people, strict=True):
        assert (row["baskets"], row["items"], row["last"]) == (
            person.baskets, person.items, person.last,
        )  # fmt: skip
        assert row["weight"] == person.weight
        assert np.count_nonzero(row["key"]) == len(person.slots)
        for key, slot in person.slots.items():
            at = slot.place
            found = [
                row[n][at] for n in ("key", "w", "s", "first_at", "last_at", "count", "basket")
            ]
            assert found == [
                key, slot.w, slot.s, slot.first, slot.last, slot.count, slot.basket,
            ]  # fmt: skip
    for n, key in enumerate(items.keys.tolist()):
        np.testing.assert_allclose(
            items.weights[:, n], facts.of(key, now, TREND_HALF_LIFE), rtol=1e-9
        )
    assert set(items.keys.tolist()) == {k for _, bought in facts.baskets for k in bought}


@settings(max_examples=30, deadline=None)
@given(logs)
def test_people_do_not_depend_on_each_other(
    log: list[tuple[int, list[int], list[int]]],
) -> None:
    """A row is the same, bit for bit, whoever is in the block with it."""
    together, alone, now = np.zeros(2, PERSON), np.zeros(1, PERSON), 0
    for step, mine, theirs in log:
        now += step
        together = fold(together, baskets((now, theirs), (now, mine)))
        alone = fold(alone, baskets((now, mine)))
    assert together[1:].tobytes() == alone.tobytes()
