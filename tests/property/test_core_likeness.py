"""Likeness of interests against a plain cosine over the weights that a reader sees."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afflux.columns import Kind
from afflux.interests.likeness import tastes
from afflux.interests.reading import interests_at
from afflux.interests.rules import InterestRules
from afflux.mentions import Subject
from afflux.names import Identity
from afflux.oracle.interests import DAY, Interests, Mention

RULES = InterestRules((90, 90, 30, 30, 30), (8, 8, 4, 4, 4))
T0 = 1_483_228_800_000
AT = T0 + 900 * DAY

SEEN = st.tuples(st.sampled_from(list(Subject)), st.integers(0, 5), st.integers(0, 800))
ROWS = st.lists(SEEN, max_size=20)
PEOPLE = st.lists(st.lists(ROWS, min_size=1, max_size=3), min_size=1, max_size=6)
"""Each person's identities, each with what was seen on which day."""


def row_of(seen: list[tuple[Subject, int, int]]) -> bytes:
    """The stored row of an identity."""
    oracle = Interests(RULES)
    for offset, (subject, n, day) in enumerate(sorted(seen, key=lambda one: one[2])):
        mention = Mention(subject, 10 * subject + n + 1, b"%d" % n)
        oracle.fold(offset, T0 + day * DAY, Kind.PRODUCT_VIEW, [mention])
    return oracle.encode()


def weights(rows: list[bytes]) -> dict[Subject, dict[str, float]]:
    """By kind, of all identities, as a profile has them."""
    named = [(Identity(b"%d" % i), row) for i, row in enumerate(rows)]
    found = interests_at(named, AT, [1_000] * len(Subject))
    return {s: {one.id: one.weight for one in things} for s, things in found.items() if things}


def cosine(a: dict[str, float], b: dict[str, float]) -> float:
    """Of two sparse vectors."""
    dot = sum(weight * b.get(id, 0.0) for id, weight in a.items())
    return dot / math.hypot(*a.values()) / math.hypot(*b.values()) if a and b else 0.0


@settings(max_examples=150, deadline=None)
@given(people=PEOPLE)
def test_it_is_the_mean_cosine_of_what_profiles_show(
    people: list[list[list[tuple[Subject, int, int]]]],
) -> None:
    """By kind of the one who is asked for; nobody without interests is like anybody."""
    rows = [[row_of(seen) for seen in person] for person in people]
    shown = [weights(person) for person in rows]
    everybody = tastes([[row for row in person if row] for person in rows])
    me = shown[0]
    one = tastes([[row for row in rows[0] if row]])
    expected = [
        sum(cosine(me[s], other.get(s, {})) for s in me) / len(me) if me else 0.0 for other in shown
    ]
    assert everybody.like(one).tolist() == pytest.approx(expected, abs=1e-9)
    assert everybody.kinds.tolist() == [len(other) for other in shown]
    if me:
        assert everybody.like(one)[0] == pytest.approx(1.0)
