"""A recommender in the loop: wire, learning each basket once, figures, snapshots, reading on."""

from __future__ import annotations

import numpy as np
import pytest

from afflux.baskets.basketry import BasketExamples, ItemsOfExamples, OneSubject, TakenBaskets
from afflux.mentions import TEXT
from afflux.names import Identity
from models import basket_log
from models.basket_log import BasketLog
from models.envelope import SnapshotError
from models.next_basket import RECOMMENDERS
from streams.basket_codec import BasketDecoder, encode_baskets, is_basket

T0 = 1_735_689_600_000
DAY = 86_400_000
CATEGORY, PRODUCT = RECOMMENDERS
NAMES = [b"tea", b"cups", b"milk", b"bread", b"soap", b"rice", b"salt", b"oil", b"corn", b"figs",
         b"nuts", b"ham", b"kale", b"lime", b"plum"]  # fmt: skip


def taken(n: int, seed: int = 1, first: int = 0) -> TakenBaskets:
    """Baskets of people who hold three things and buy two of them, and the popular first one."""
    rng = np.random.default_rng(seed)
    held = np.array([rng.choice(len(NAMES), 3, False) + 1 for _ in range(n)], np.uint64)
    bought = np.concatenate([held[:, :2], np.ones((n, 1), np.uint64)], axis=1)
    bought[held[:, :2].min(axis=1) == 1, 2] = 2
    data = np.frombuffer(b"".join(NAMES), np.uint8)
    at = np.cumsum([0, *map(len, NAMES)])
    text = np.zeros(3 * n, TEXT)
    place = bought.reshape(-1).astype(np.int64) - 1
    text["id_at"], text["id_size"] = at[place], [len(NAMES[i]) for i in place]
    ends = 3 * np.arange(1, n + 1)
    one = OneSubject(
        ends, held.reshape(-1), np.tile([8.0, 4.0, 2.0], n), ends, bought.reshape(-1), text
    )  # fmt: skip
    none = OneSubject(
        np.zeros(n, np.int64), np.empty(0, np.uint64), np.empty(0), np.zeros(n, np.int64),
        np.empty(0, np.uint64), np.zeros(0, TEXT),
    )  # fmt: skip
    order = np.arange(first, first + n)
    return TakenBaskets(order % 7, order, T0 + order * DAY // 50, T0 + order, [one, none], data)


def wire(baskets: TakenBaskets) -> list[bytes]:
    """As the enrich plane announces them."""
    people = [Identity(b"crm:%d" % i) for i in range(7)]
    return encode_baskets(baskets, np.arange(7, dtype=np.int32), people)


def examples(n: int, seed: int = 1, first: int = 0) -> BasketExamples:
    """As the learner reads them."""
    (part,) = BasketDecoder().decode(wire(taken(n, seed, first)))
    return part


def learned(*parts: BasketExamples) -> BasketLog:
    """A recommender that has learned these."""
    log = BasketLog(CATEGORY)
    for part in parts:
        log.learn(part, np.ones(len(part), np.bool_))
    return log


def test_baskets_come_back_from_the_wire() -> None:
    """Keys, weights and texts of each basket; other records of the topic are told apart."""
    baskets = taken(40)
    values = wire(baskets)
    assert all(map(is_basket, values))
    assert not is_basket(None)
    assert not is_basket(b"\xc3\x01" + bytes(20))
    (found,) = BasketDecoder().decode(values)
    one, again = baskets.subjects[0], found.subjects[0]
    for name in ("held_ends", "held", "weights", "bought_ends", "bought"):
        assert getattr(again, name).tolist() == getattr(one, name).tolist()
    assert again.ids == [NAMES[k - 1].decode() for k in one.bought.tolist()]
    assert (found.seen.tolist(), found.offset.tolist()) == (
        baskets.seen.tolist(), baskets.offset.tolist(),
    )  # fmt: skip
    assert found.identities[:2] == [b"crm:0", b"crm:1"]


def test_lists_become_better_than_their_baselines() -> None:
    """What is bought of what is held, and what all buy: both are learned and judged beforehand."""
    figures = learned(examples(3_000)).snapshot(3_000, b"t").metrics
    for of in ("frequency_", "popularity_"):
        assert figures["recent_ndcg10"] > figures[f"recent_{of}ndcg10"]
    assert figures["recent_recall10"] >= 0.95
    assert figures["recent_popularity_recall10"] < 0.9


def test_each_basket_is_learned_once() -> None:
    """Repeats are dropped by shard and place, those of deleted people altogether."""
    log = learned(examples(500))
    log.learn(examples(500), np.ones(500, np.bool_))
    assert log.learned == 500
    log.learn(examples(100, 2, 500), np.arange(100) % 2 == 0)
    assert log.learned == 550


def test_a_snapshot_goes_on() -> None:
    """From the bytes as from memory: the same figures and the same next snapshot."""
    first, second = examples(700), examples(300, 2, 700)
    whole = learned(first, second)
    again = BasketLog(CATEGORY)
    data = basket_log.encode(learned(first).snapshot(700, b"t"))
    assert again.restore(basket_log.decode(data), b"t", 0, 1_000) == 700
    again.learn(second, np.ones(300, np.bool_))
    for log in (whole, again):
        assert log.learned == 1_000
    assert basket_log.encode(again.snapshot(1_000, b"t")) == (
        basket_log.encode(whole.snapshot(1_000, b"t"))
    )
    assert again.restore(basket_log.decode(data), b"other", 30, 1_000) == 30
    assert again.restore(None, b"t", 5, 10) == 5
    assert again.learned == 0


def test_texts_are_those_of_the_table() -> None:
    """Ids to show what is popular, and a name where one was given later."""
    log = learned(examples(100))
    texts = log.snapshot(0, b"t").texts
    assert texts[1] == ("tea", "")
    assert set(texts) == set(log.snapshot(0, b"t").learner.items.keys.tolist())


def test_other_snapshots_are_refused() -> None:
    """Damage, and what is of no recommender."""
    data = basket_log.encode(learned(examples(20)).snapshot(20, b"t"))
    for broken in (data[:-9], b"", data.replace(b"next_basket_category", b"next_basket_kategory")):
        with pytest.raises(SnapshotError):
            basket_log.decode(broken)


def test_a_column_without_items_is_not_learned() -> None:
    """These baskets name no products: nothing to judge, nothing to learn."""
    log = BasketLog(PRODUCT)
    log.learn(examples(50), np.ones(50, np.bool_))
    assert log.learned == 0
    assert log.snapshot(50, b"t").metrics == {}
    assert isinstance(examples(2).subjects[1], ItemsOfExamples)
