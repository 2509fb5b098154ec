"""Rows of interests: any cutting gives the same bytes, and the weights keep their bound."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from itertools import cycle
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afflux.columns import Kind
from afflux.interests import slots
from afflux.interests.reading import Interest, interests_at
from afflux.interests.rules import POINTS, InterestRules
from afflux.interests.table import InterestTable
from afflux.mentions import Subject
from afflux.names import Identity
from afflux.oracle.interests import DAY, Interests, Mention
from afflux.oracle.records import Event
from core_replay import columns_of
from core_step import event

RULES = InterestRules((90, 60, 30, 7, 1), (4, 2, 3, 1, 5))
T0 = 1_483_228_800_000
PEOPLE = [Identity(b"crm:%d" % i) for i in range(16)]

THINGS = st.builds(
    lambda subject, n, name: Mention(subject, n + 1, b"%d" % n, name),
    st.sampled_from(list(Subject)),
    st.integers(0, 9),
    st.sampled_from([b"", b"", b"Tea"]),
)
EVENTS = st.lists(
    st.tuples(
        st.sampled_from([PEOPLE[0]] * 8 + PEOPLE),
        st.integers(0, 40 * DAY),
        st.sampled_from([0, 0, 0, DAY, 700 * DAY, 3000 * DAY]),
        st.sampled_from([Kind.PURCHASE, Kind.PRODUCT_VIEW, Kind.PAGE_VIEW, Kind.EXPOSURE]),
        st.lists(THINGS, max_size=8, unique_by=lambda m: (m.subject, m.hash)).map(tuple),
    ),
    min_size=1,
    max_size=60,
)


def log_of(drafts: Sequence[tuple[Identity, int, int, Kind, tuple[Mention, ...]]]) -> list[Event]:
    """Events whose time goes on, some of them late."""
    now, log = T0 + 4000 * DAY, []
    for offset, (who, step, late, kind, mentions) in enumerate(drafts):
        now += step
        log.append(event(offset, now - late, who, kind, mentions=mentions))
    return log


def folded(log: Sequence[Event], cuts: Sequence[int]) -> dict[Identity, bytes]:
    """Rows after the log in batches of these sizes."""
    stored: dict[Identity, bytes] = {}
    sizes, base = cycle(cuts), 0
    while base < len(log):
        batch = columns_of(log[base : base + (size := next(sizes))])
        base += size
        if len(batch.mentions):
            rows = {r: stored.get(i) for r, i in enumerate(batch.identities)}
            table = InterestTable(rows, RULES)
            order = np.lexsort((batch.offset, batch.identity))  # as a stretch has them
            table.fold(batch, order)
            stored |= {batch.identities[r]: row for r, row in table.changes().items()}
    return stored


@pytest.mark.parametrize("few", [1, 4, 10_000], ids=["rounds", "both", "one by one"])
@settings(max_examples=80, deadline=None)
@given(drafts=EVENTS, cuts=st.lists(st.integers(1, 60), min_size=1, max_size=8))
def test_any_cutting_gives_the_bytes_of_the_oracle(
    few: int, drafts: list[tuple[Identity, int, int, Kind, tuple[Mention, ...]]], cuts: list[int]
) -> None:
    """In rounds, one by one, and with both in one batch."""
    log = log_of(drafts)
    oracles: dict[Identity, Interests] = defaultdict(lambda: Interests(RULES))
    for e in log:
        oracles[e.identity].fold(e.offset, e.timestamp, e.kind, e.mentions)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slots, "_FEW", few)
        stored = folded(log, cuts)
    assert stored == {i: row for i, o in oracles.items() if (row := o.encode())}


@settings(max_examples=80, deadline=None)
@given(drafts=EVENTS)
def test_weights_lie_between_the_truth_and_a_share_of_all(
    drafts: list[tuple[Identity, int, int, Kind, tuple[Mention, ...]]],
) -> None:
    """Never below the exact decayed sum of a thing, above it by a k-th of all sums at most.

    A thing without a slot has no more than that either; the slots sum up to all.
    """
    log = log_of(drafts)
    at = max(e.timestamp for e in log)
    truth: dict[tuple[Identity, Subject], dict[bytes, float]] = defaultdict(dict)
    for e in log:
        for m in e.mentions:
            half_life = RULES.half_life_days[m.subject] * DAY
            weight = POINTS[e.kind, m.subject] * math.exp2((e.timestamp - at) / half_life)
            of = truth[e.identity, Subject(m.subject)]
            of[m.id] = of.get(m.id, 0.0) + weight
    rows = folded(log, [7])
    for (who, subject), exact in truth.items():
        told = {t.id.encode(): t.weight for t in interests_at([(who, rows.get(who))], at)[subject]}
        total, room = sum(exact.values()), RULES.slots[subject]
        assert sum(told.values()) == pytest.approx(total, rel=2e-3)
        slack = total / room + total * 2e-3  # times are rounded down to 1,024ths of a half-life
        for thing, weight in told.items():
            assert exact[thing] * (1 - 2e-3) <= weight <= exact[thing] + slack
        for thing, weight in exact.items():
            assert thing in told or weight <= slack


@settings(max_examples=80, deadline=None)
@given(drafts=EVENTS, seed=st.randoms(use_true_random=False))
def test_merge_takes_people_in_any_order(
    drafts: list[tuple[Identity, int, int, Kind, tuple[Mention, ...]]], seed: Random
) -> None:
    """Bit by bit; somebody without interests changes nothing; sums are those of the people."""
    log = log_of(drafts)
    at = max(e.timestamp for e in log)
    rows: list[tuple[Identity, bytes | None]] = list(folded(log, [60]).items())
    merged = interests_at(rows, at)
    shuffled = [*rows, (Identity(b"crm:nobody"), None)]
    seed.shuffle(shuffled)
    assert interests_at(shuffled, at) == merged
    for subject, things in merged.items():
        weights: dict[str, float] = defaultdict(float)
        for row in rows:
            for thing in interests_at([row], at)[subject]:
                weights[thing.id] += thing.weight
        for thing in things:
            assert thing.weight == pytest.approx(weights[thing.id])
            assert thing.share == pytest.approx(thing.weight / sum(weights.values()))
        assert things == sorted(things, key=_strength)
        assert [t.score for t in things[:1]] in ([], [100])


def _strength(thing: Interest) -> float:
    return -thing.weight
