"""The recommender: nothing of the future, cold starts, deletion, snapshots, and that it learns."""

from __future__ import annotations

import numpy as np
import pytest

from afflux.baskets.basket import Baskets
from afflux.baskets.candidates import FEATURES, offer
from afflux.baskets.items import KEPT, MOST, Items, counted
from afflux.baskets.person import PERSON, fold
from basket_logs import DAY, baskets, shop
from launcher.evaluation.basket_log import Bought, ItemRows, bought
from launcher.evaluation.basket_replay import BasketReplay, People
from models.basket_learner import BasketLearner
from models.envelope import SnapshotError, seal
from models.next_basket import RECOMMENDERS

CATEGORY = RECOMMENDERS[0]


def replayed(rows: ItemRows) -> tuple[BasketReplay, list[tuple[Bought, np.ndarray]]]:
    """The replay after these rows, and all that it has recommended."""
    seen: list[tuple[Bought, np.ndarray]] = []
    replay = BasketReplay(CATEGORY, seen=lambda part, lists: seen.append((part, lists)))
    replay.run([rows])
    return replay, seen


def test_no_recommendation_knows_the_future() -> None:
    """The items of all later baskets are shuffled: what is recommended up to then is the same.

    Recommendations after it change, so the test can fail.
    """
    rows = shop(1, 600)
    half = int(rows["ts"][len(rows) // 2])
    other = rows.copy()
    later = np.flatnonzero(rows["ts"] >= half)
    other["category"][later] = np.random.default_rng(2).permutation(rows["category"][later])
    listed = []
    for log in (rows, other):
        told = [
            (int(ts), who, keys.tolist())
            for part, lists in replayed(log)[1]
            for ts, who, keys in zip(part.ts, part.who.tolist(), lists, strict=True)
        ]
        listed.append(([t for t in told if t[0] <= half], [t for t in told if t[0] > half]))
    assert len(listed[0][0]) > 250
    assert listed[0][0] == listed[1][0]
    assert listed[0][1] != listed[1][1]


def test_it_beats_frequency_and_popularity_where_people_have_favourites() -> None:
    """And says how well repeats and new items are found."""
    replay = BasketReplay(CATEGORY)
    result = replay.run([shop(5, 1_500)])
    assert result.examples == replay.baskets == 1_500
    ours, frequency = result.figures, result.baselines["frequency"]
    assert ours["ndcg10"] > frequency["ndcg10"] > result.baselines["popularity"]["ndcg10"]
    assert ours["recall10"] > frequency["recall10"]
    assert set(ours) >= {"recall10_repeat", "recall10_explore", "recall10_whole"}


def test_somebody_without_history_gets_what_is_popular() -> None:
    """All ten, and items that are popular of late before those that were once."""
    learner = BasketLearner()
    everybody = np.zeros(20, PERSON)
    for day in range(40):
        new = [50, 51] if day >= 30 else []
        block = baskets(*((day * DAY, sorted([*range(1, 13), *new])) for _ in range(20)))
        learner.items = counted(learner.items, everybody, block)
    learner.weights[FEATURES.index("trend")] = 1.0
    ranked = learner.offer(np.zeros(1, PERSON), np.array([40 * DAY])).best(learner.weights, 14)
    assert set(ranked[0].tolist()) == {*range(1, 13), 50, 51}
    learner.weights[FEATURES.index("trend")] = 3.0
    ranked = learner.offer(np.zeros(1, PERSON), np.array([40 * DAY])).best(learner.weights, 2)
    assert set(ranked[0].tolist()) == {50, 51}


def test_nothing_is_recommended_before_anything_is_known() -> None:
    """The first basket of all gets an empty list, and no error."""
    _, seen = replayed(shop(1, 1))
    assert not seen[0][1].any()


def test_a_new_item_is_recommended_soon() -> None:
    """One that everybody starts to buy is in the lists of people who have never bought it."""
    rows = shop(3, 1_200)
    late = rows["ts"] >= rows["ts"][len(rows) * 2 // 3]
    rows["category"][late & (np.arange(len(rows)) % 3 == 0)] = 777
    replay, _ = replayed(rows)
    now = np.array([int(rows["ts"][-1]) // 1000])
    assert 777 in replay.learner.offer(np.zeros(1, PERSON), now).best(replay.learner.weights, 10)


def test_deletion_is_exact() -> None:
    """A deleted person's row is that of somebody never seen, and others' rows do not change."""
    replay, _ = replayed(shop(1, 300))
    people, who = replay.people, np.arange(30)
    before = people.rows(who)
    assert before[4]["baskets"] > 0
    people.delete(4)
    assert people.rows(who)[4:5].tobytes() == People().rows(np.array([4])).tobytes()
    others = who != 4
    assert people.rows(who)[others].tobytes() == before[others].tobytes()
    at = np.array([2_000_000])
    learner = replay.learner
    deleted = learner.offer(people.rows(np.array([4])), at).best(learner.weights, 10)
    never = learner.offer(np.zeros(1, PERSON), at).best(learner.weights, 10)
    assert deleted.tolist() == never.tolist()
    back = fold(people.rows(np.array([4])), baskets((2_000_000, [3])))
    assert back.tobytes() == fold(np.zeros(1, PERSON), baskets((2_000_000, [3]))).tobytes()


def test_a_learner_goes_on_from_its_snapshot() -> None:
    """The same bytes after the same baskets; bytes of another kind are refused."""
    replay, _ = replayed(shop(1, 300))
    ours, again = replay.learner, BasketLearner.load(replay.learner.snapshot())
    rows, block = np.zeros(2, PERSON), baskets((3_000_000, [1, 2]), (3_000_001, [5]))
    for learner in (ours, again):
        learner.learn(learner.offer(rows, block.seconds), rows, block)
    assert ours.snapshot() == again.snapshot()
    with pytest.raises(SnapshotError, match="of no recommender"):
        BasketLearner.load(seal({"model": "churn"}, {}))
    with pytest.raises(SnapshotError, match="other features"):
        BasketLearner.load(seal({"recommender": 1, "features": ["x"]}, {}))


def test_the_table_of_items_is_bounded() -> None:
    """With more than 8,192 items the 4,096 that weigh most stay; totals count all."""
    everybody = np.arange(1, MOST + 1, dtype=np.uint64)
    one = Baskets(np.array([0]), np.array([0, MOST]), everybody)
    items = counted(Items.none(), np.zeros(1, PERSON), one)
    assert len(items.keys) == MOST
    items = counted(items, np.zeros(1, PERSON), baskets((DAY, [MOST, MOST + 1])))
    assert len(items.keys) == KEPT
    assert {MOST, MOST + 1} <= set(items.keys.tolist())
    assert items.totals[0] == pytest.approx(1 + 2 ** (-1 / 90))


def test_features_are_finite_and_slots_without_item_are_no_candidates() -> None:
    """Of somebody with one item, asked before their newest basket; 0 everywhere else."""
    row = fold(np.zeros(1, PERSON), baskets((5 * DAY, [9])))
    items = counted(Items.none(), np.zeros(1, PERSON), baskets((5 * DAY, [4, 9])))
    made = offer(row, np.array([4 * DAY]), items)
    assert np.isfinite(made.x).all()
    assert sorted(made.keys[made.keys > 0].tolist()) == [4, 9]
    assert not made.x[made.keys == 0].any()
    assert made.best(np.ones(len(FEATURES)), 10)[0, 2:].sum() == 0


def test_baskets_of_a_log() -> None:
    """Blocks may cut a basket; items count once; nobody is twice in a block; empty items go."""
    rows = shop(1, 200)
    rows["category"][::17] = 0
    whole = list(bought([rows], "category"))
    cut = list(bought([rows[:7], rows[7:8], rows[8:]], "category"))
    assert all(len(set(p.who.tolist())) == len(p.who) for p in [*whole, *cut])

    def listed(parts: list[Bought]) -> list[tuple[int, int, list[int]]]:
        return [
            (int(p.ts[b]), int(p.who[b]), p.baskets.keys[s:e].tolist())
            for p in parts
            for b, (s, e) in enumerate(zip(p.baskets.ends, p.baskets.ends[1:], strict=False))
        ]

    wanted: dict[tuple[int, int], set[int]] = {}
    for row in rows[rows["category"] > 0]:
        wanted.setdefault((int(row["ts"]), int(row["who"])), set()).add(int(row["category"]))
    assert listed(whole) == listed(cut) == [(*k, sorted(v)) for k, v in wanted.items()]
