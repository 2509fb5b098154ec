"""Baskets for recommenders: which are taken, and that they are of before the basket in any cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import cycle

import numpy as np
import pytest

from afflux.baskets.basketry import ABOUT, TakenBaskets
from afflux.columns import Kind
from afflux.interests.reading import interests_at
from afflux.limits import Silence, StepSettings
from afflux.mentions import Subject
from afflux.names import Identity
from afflux.oracle.interests import Mention
from afflux.oracle.partition import Oracle
from afflux.oracle.records import Event, Record
from afflux.outcome import Fetched, StepOutcome
from core_cases import CATALOG, linear_scorer
from core_replay import Replay
from core_step import ANNA, BEN, DAY, T0, control, event

SETTINGS = StepSettings(shards=8, silence=Silence(0), baskets=1)
THINGS = [Mention(Subject.CATEGORY, 100 + i, b"cat%d" % i, b"Cat %d" % i) for i in range(80)]
GOODS = [Mention(Subject.PRODUCT, 900 + i, b"sku%d" % i, b"") for i in range(80)]

Of = tuple[dict[bytes, float], list[bytes]]
Taken = tuple[Identity, int, int, list[Of]]


class Heard(Replay):
    """Tells what is taken."""

    def __init__(self, one_in: int = 1) -> None:
        super().__init__(CATALOG, linear_scorer(), replace(SETTINGS, baskets=one_in))
        self.taken: list[Taken] = []

    def commit(self, fetched: Fetched, out: StepOutcome) -> None:
        """Keep the baskets, too."""
        super().commit(fetched, out)
        if out.baskets is not None:
            self.taken += told(out.baskets, fetched.identities)


NAMES = {m.hash: m.id for m in (*THINGS, *GOODS)}


def told(baskets: TakenBaskets, identities: Sequence[Identity]) -> Iterator[Taken]:
    """Each basket in plain values: what was held, by id, and the ids of what was bought."""
    for b in range(len(baskets)):
        of: list[Of] = []
        for one in baskets.subjects:
            a, z = (int(one.held_ends[b - 1]) if b else 0), int(one.held_ends[b])
            held = [NAMES[key] for key in one.held[a:z].tolist()]
            weights = dict(zip(held, one.weights[a:z].tolist(), strict=True))
            a, z = (int(one.bought_ends[b - 1]) if b else 0), int(one.bought_ends[b])
            texts = [
                baskets.data[t["id_at"] : t["id_at"] + t["id_size"]].tobytes()
                for t in one.text[a:z]
            ]
            assert texts == [NAMES[key] for key in one.bought[a:z].tolist()]
            of.append((weights, sorted(texts)))
        who = identities[int(baskets.row[b])]
        yield who, int(baskets.offset[b]), int(baskets.seen[b]), of


def replayed(log: Sequence[Record], sizes: Sequence[int], one_in: int = 1) -> list[Taken]:
    """What is taken of a log in batches of so many, in the order of the log."""
    store, base, end = Heard(one_in), 0, log[-1].offset + 1
    for size in cycle(sizes):
        if base >= end:
            break
        store.advance(log, base, min(base + size, end))
        base += size
    return sorted(store.taken, key=lambda taken: taken[1])


def expected(log: Sequence[Event]) -> list[Taken]:
    """One event after the other, by the oracle: what the person held just before each basket."""
    oracle, found = Oracle(CATALOG, SETTINGS), []
    for e in log:
        w = oracle.w
        known = e.identity in oracle.rows and oracle.rows[e.identity].knows(e.id_hash)
        if e.kind == Kind.PURCHASE and e.mentions and not known:
            row = oracle.interests[e.identity].encode()
            held = interests_at([(e.identity, row)], e.timestamp)
            of: list[Of] = [
                (
                    {i.id.encode(): i.weight for i in held[subject]},
                    sorted(m.id for m in e.mentions if m.subject == subject),
                )
                for subject in ABOUT
            ]
            found.append((e.identity, e.offset, w, of))
        oracle.feed(e)
    return found


def log(n: int = 300, seed: int = 3) -> list[Event]:
    """Two people and a hot one look at and buy things; some events come late, some twice."""
    rng = np.random.default_rng(seed)
    events = []
    for i in range(n):
        who = [ANNA, ANNA, ANNA, BEN, Identity(b"crm:cleo")][rng.integers(0, 5)]
        kind = [Kind.PURCHASE, Kind.PURCHASE, Kind.PRODUCT_VIEW, Kind.EXPOSURE][rng.integers(0, 4)]
        at = T0 + i * DAY // 4 - int(rng.integers(0, 2) * rng.integers(0, 30)) * DAY
        size = int(rng.integers(0, 5))
        things = [
            *(THINGS[k] for k in rng.choice(80, size, False)),
            *(GOODS[k] for k in rng.choice(80, size, False)),
        ]
        name = f"e{i - 1}" if rng.random() < 0.05 else f"e{i}"
        events.append(event(i, at, who, kind, event_id=name, mentions=things))
    return events


@pytest.mark.parametrize("sizes", [[1], [300], [7, 40, 2], [100]])
def test_any_cutting_takes_what_the_oracle_takes(sizes: list[int]) -> None:
    """Each accepted purchase with items, once, with W and what was held just before it."""
    events = log()
    found, due = replayed(events, sizes), expected(events)
    assert len(found) > 60
    assert [taken[:3] for taken in found] == [taken[:3] for taken in due]
    for (*_, mine), (*_, theirs) in zip(found, due, strict=True):
        for (held, bought), (weights, items) in zip(mine, theirs, strict=True):
            assert bought == items
            assert held == pytest.approx(weights, rel=1e-9)


def test_one_in_so_many_is_taken() -> None:
    """By the hash of the id, so the same ones by whoever folds; of 0 none."""
    events = log()
    every = {taken[1]: taken for taken in replayed(events, [50])}
    third = replayed(events, [11], one_in=3)
    chosen = [e.offset for e in events if e.offset in every and e.id_hash % 3 == 0]
    assert [taken[1] for taken in third] == chosen
    assert 0 < len(third) < len(every) / 2
    assert not replayed(events, [50], one_in=0)


def test_who_may_not_be_scored_is_not_learned_from() -> None:
    """From the refusal on; what is bought without items is no basket."""
    bought = [THINGS[0]]
    records: list[Record] = [
        event(0, T0, mentions=bought), event(1, T0 + DAY), control("opt_out", 2, T0 + DAY),
        event(3, T0 + 2 * DAY, mentions=bought), event(4, T0 + 2 * DAY, BEN, mentions=bought),
    ]  # fmt: skip
    assert [taken[1] for taken in replayed(records, [1])] == [0, 4]
    assert [taken[1] for taken in replayed(records, [5])] == [0, 4]
