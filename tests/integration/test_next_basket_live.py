"""Next baskets in the loop: purchases in, baskets learned, lists out, the deleted left out."""

from __future__ import annotations

import random
from typing import Any

import pytest
from prometheus_client import generate_latest

from afflux.baskets.recommendation import Recommendation
from core_cases import CATALOG
from enrich_rig import START, Logged, Logs, Worker
from enrich_workload import delete
from memory_link import MemoryLink
from models import basket_log
from models.next_basket import RECOMMENDERS
from models.recommending import RECOMMENDING
from models_log import LOG, ExampleLog
from profile_store import AsyncProfileStore
from profile_store.installation import Installation, ensure_installation
from profile_store.memory import MemoryShardStore
from profile_store.recommendations import Recommendations
from streams.basket_codec import is_basket
from streams.encoding import decode_model_update, encode_events
from streams.learner_metrics import LearnerMetrics
from streams.metrics import Metrics
from streams.topics import EXPERIENCE_EVENTS, MODEL_UPDATES, TRAINING_EXAMPLES

DAY = 86_400_000
SHARDS, PARTITIONS = 64, 2
PEOPLE, BASKETS = 18, 14
GROUPS = {0: ["tea", "cups", "honey"], 1: ["beer", "nuts", "chips"], 2: ["soap", "towel", "brush"]}
OTHERS = [f"thing {i}" for i in range(30)]


def purchase(who: str, day: int, items: list[str]) -> Logged:
    """A basket of things, each a category and a product."""
    event: dict[str, Any] = {
        "_id": f"{who} {day}",
        "timestamp": START + day * DAY,
        "eventType": "commerce.purchases",
        "identityMap": {"crm": [{"id": who}]},
        "productListItems": [
            {"SKU": f"sku {item}", "name": item.title(),
             "productCategories": [{"categoryID": item, "categoryName": item.title()}]}
            for item in items
        ],
    }  # fmt: skip
    return Logged(f"crm:{who}".encode(), encode_events([event])[0], START + day * DAY)


class Site:
    """A worker, a learner and a reader over one store in memory."""

    def __init__(self) -> None:
        self.store = MemoryShardStore(SHARDS)
        self.logs, self.log = Logs(PARTITIONS), ExampleLog()
        self.worker = Worker(self.store, self.logs, SHARDS, "w", baskets=1)
        self.metrics = Metrics()
        self.plane = self.log.plane(self.store, metrics=LearnerMetrics(self.metrics))
        self.reader = AsyncProfileStore(link=MemoryLink(self.store), recommending=RECOMMENDING)

    async def start(self) -> None:
        """Everything is owned."""
        await ensure_installation(self.store, Installation.of(CATALOG, SHARDS, PARTITIONS))
        await self.worker.own(range(PARTITIONS))
        await self.plane.assigned(self.log.ranges())

    async def bought(self, *records: Logged) -> None:
        """Fold these; what was announced is in the learner's log, but not learned yet."""
        for record in records:
            self.logs.now = max(self.logs.now, record.timestamp)
            self.logs.append(EXPERIENCE_EVENTS.name, record)
        await self.worker.drain(most=40)

    async def learned(self) -> int:
        """Learn what was announced since; how many baskets that were."""
        at, told = len(self.log.values), self.logs.outputs[TRAINING_EXAMPLES.name]
        mine = [m.value for m in told if is_basket(m.value)]
        self.log.values += mine[at:]
        await self.log.feed(self.plane, at)
        return len(self.log.values) - at

    async def recommend(self, who: str, count: int = 5) -> Recommendations:
        """Ranked now."""
        return await self.reader.recommend("crm", who, count)


async def shop() -> Site:
    """People of three groups, who buy what their group does and something else."""
    site, chance = Site(), random.Random(5)
    await site.start()
    for day in range(BASKETS):
        await site.bought(
            *(
                purchase(f"p{p}", day, [*chance.sample(GROUPS[p % 3], 2), chance.choice(OTHERS)])
                for p in range(PEOPLE)
            )
        )
    return site


def names(items: Any) -> list[str]:
    """Ids of a list."""
    return [one.id for one in items]


async def test_lists_are_learned_and_served() -> None:
    """Who bought tea gets tea, ids and names included; nobody gets more than was asked for."""
    site = await shop()
    assert await site.learned() == PEOPLE * BASKETS
    await site.plane.close()
    for person in range(3):
        found = await site.recommend(f"p{person}", 3)
        assert found.known
        assert found.as_of == START + (BASKETS - 1) * DAY
        assert sorted(names(found.lists["categories"])) == sorted(GROUPS[person])
        assert sorted(names(found.lists["products"])) == sorted(f"sku {i}" for i in GROUPS[person])
        first = found.lists["categories"][0]
        assert first == Recommendation(first.id, first.id.title(), first.score, True)
        scores = [one.score for one in found.lists["categories"]]
        assert scores == sorted(scores, reverse=True)
        assert set(found.to_dict()) == {
            "profile_id", "known", "as_of", "versions", "categories", "products"
        }  # fmt: skip


async def test_who_has_no_history_gets_what_is_popular() -> None:
    """With the names that buyers' events gave; before anything is learned there is nothing."""
    site = await shop()
    empty = await site.recommend("stranger")
    assert (empty.known, names(empty.lists["categories"])) == (False, [])
    own = await site.recommend("p1")
    assert set(names(own.lists["categories"])[:3]) == set(GROUPS[1]), "their own, by weight"
    await site.learned()
    await site.plane.close()
    found = await site.recommend("stranger", 9)
    group = {item for items in GROUPS.values() for item in items}
    assert not found.known
    assert set(names(found.lists["categories"])) == group
    assert not any(one.known for one in found.lists["categories"])
    assert {one.name for one in found.lists["products"]} <= {item.title() for item in group}
    with pytest.raises(ValueError, match="recommending="):
        await AsyncProfileStore(link=MemoryLink(site.store)).recommend("crm", "p1")


async def test_figures_beside_the_baselines_are_told() -> None:
    """On `model-updates` and as metrics: recall and NDCG of the lists, frequency, popularity."""
    site = await shop()
    await site.learned()
    site.log.now += 10
    await site.plane.tick()
    exposed = generate_latest(site.metrics.registry).decode()
    updates = [decode_model_update(m.value or b"") for m in site.log.sent
               if m.topic == MODEL_UPDATES.name]  # fmt: skip
    for recommender in RECOMMENDERS:
        update = [u for u in updates if u["model"] == recommender.name][-1]
        assert update["examples"] == PEOPLE * BASKETS
        assert set(basket_log.FIGURES) <= update["metrics"].keys()
        assert update["metrics"]["recall10"] > update["metrics"]["popularity_recall10"]
        (version,) = await site.store.current_snapshots([recommender.name])
        assert version == update["version"]
    assert 'figure="recent_ndcg10",model="next_basket_product",segment="all"' in exposed
    assert f'model_examples{{model="next_basket_category"}} {PEOPLE * BASKETS}.0' in exposed


async def test_who_is_deleted_leaves_nothing() -> None:
    """Their interests go, lists are those of a stranger, baskets not yet learned are dropped."""
    site = await shop()
    site.logs.now += DAY
    delete(site.logs, "crm:p0", site.logs.now)
    await site.worker.drain()
    assert await site.learned() == PEOPLE * BASKETS
    assert site.plane.stats.forgotten == BASKETS
    await site.plane.close()
    gone, stranger = await site.recommend("p0"), await site.recommend("stranger")
    assert not gone.known
    assert gone.lists == stranger.lists
    for recommender in RECOMMENDERS:
        (version,) = await site.store.current_snapshots([recommender.name])
        data = await site.store.snapshot(recommender.name, version or "")
        assert data is not None
        assert basket_log.decode(data).learner.baskets == (PEOPLE - 1) * BASKETS
        assert b"crm:" not in data, "a snapshot names nobody"


async def test_a_learner_that_dies_learns_each_basket_once() -> None:
    """After a death between two publications the bytes are those of an undisturbed run."""
    found = []
    for dies in (False, True):
        site = await shop()
        site.log.values += [
            m.value for m in site.logs.outputs[TRAINING_EXAMPLES.name] if is_basket(m.value)
        ]
        at = 0
        if dies:
            await site.log.feed(site.plane, 0, 100)
            site.log.now += 10
            await site.plane.tick()
            await site.log.feed(site.plane, 100, 200)
            site.plane = site.log.plane(site.store)
            at = (await site.plane.assigned(site.log.ranges()))[LOG]
            assert at == 100
            at -= 50
        await site.log.feed(site.plane, at)
        await site.plane.close()
        versions = await site.store.current_snapshots([r.name for r in RECOMMENDERS])
        found.append([await site.store.snapshot(r.name, v or "")
                      for r, v in zip(RECOMMENDERS, versions, strict=True)])  # fmt: skip
    assert found[0] == found[1]
