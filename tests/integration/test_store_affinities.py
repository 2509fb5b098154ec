"""Interests out of Redis: of one person, of linked ones, as asked for, and gone with the person."""

from __future__ import annotations

import pytest
import redis

from afflux.oracle.interests import Mention
from enrich_rig import START, Logged, Logs, Worker
from enrich_workload import delete
from profile_store import AsyncProfileStore
from profile_store.redis_store import RedisShardStore
from store_people import DAY, NOON, PARTITIONS, SHARDS, fold, known, link, purchase, view
from streams.encoding import encode_events
from streams.topics import EXPERIENCE_EVENTS

pytest_plugins = ["store_reading"]

TEA, CUP = Mention(0, 11, b"10-3", b"Tea"), Mention(0, 12, b"20", b"Cups")
GREEN = Mention(1, 21, b"sku-1", "Gr\u00fcner Tee".encode())
RECIPES = Mention(3, 31, b"recipes")


async def test_interests_of_one_person(shards: RedisShardStore, reader: AsyncProfileStore) -> None:
    """The strongest first, with names, halved after a half-life, and empty where none is known."""
    rows = [purchase(1, 0, "crm:1", 30), purchase(2, 90, "crm:1", 30), view(3, 90, "crm:1")]
    await fold(shards, rows, mentions={1: [TEA, GREEN], 2: [CUP], 3: [RECIPES]})
    profile = await known(reader, "crm", "1")
    names = {kind: [(t.id, t.name) for t in things] for kind, things in profile.affinities.items()}
    assert names == {
        "categories": [("20", "Cups"), ("10-3", "Tea")],
        "products": [("sku-1", "Gr\u00fcner Tee")],
        "pages": [],
        "sections": [("recipes", "recipes")],
        "tags": [],
    }  # fmt: skip
    cups, tea = profile.affinities["categories"]
    assert (cups.weight, cups.score, tea.score) == (4.0, 100, 50)
    assert cups.share == pytest.approx(2 / 3, abs=1e-3)
    assert tea.weight == pytest.approx(2.0, rel=1e-3)
    later = await known(reader, "crm", "1", at=NOON + 180 * DAY, fields=["affinities.products"])
    assert list(later.affinities) == ["products"]
    assert later.affinities["products"][0].weight == pytest.approx(1.0, rel=1e-3)
    assert later.to_dict()["affinities"] == {
        "products": [
            {"id": "sku-1", "name": "Gr\u00fcner Tee", "score": 100, "share": 1.0,
             "weight": later.affinities["products"][0].weight}
        ]
    }  # fmt: skip
    assert (await known(reader, "crm", "1", fields=["scores"])).affinities == {}


async def test_interests_of_linked_people_are_added(
    shards: RedisShardStore, reader: AsyncProfileStore
) -> None:
    """Whichever of them is asked for; somebody who never mentioned anything has none."""
    rows = [purchase(1, 0, "crm:1", 30), view(2, 0, "web:a"), view(3, 0, "crm:3")]
    await fold(shards, rows, mentions={1: [TEA, CUP], 2: [TEA]})
    await link(shards, ("crm:1", "web:a"))
    one, other = await known(reader, "crm", "1"), await known(reader, "web", "a")
    assert one.affinities == other.affinities
    weights = {t.name: (t.weight, t.share) for t in one.affinities["categories"]}
    assert weights == {"Tea": (5.0, 0.5556), "Cups": (4.0, 0.4444)}
    nobody = await known(reader, "crm", "3")
    assert nobody.affinities == dict.fromkeys(one.affinities, ())


async def test_marks_change_with_interests(
    shards: RedisShardStore, reader: AsyncProfileStore
) -> None:
    """So an answer that a gateway kept is not given for other interests."""
    await fold(shards, [view(1, 0, "crm:1")], mentions={1: [TEA]})
    before = (await reader.find([("crm", "1")])).marks()
    await fold(shards, [view(1, 0, "crm:1")], mentions={1: [CUP]})
    assert (await reader.find([("crm", "1")])).marks() != before


def _visit(who: str, ts: int, sku: str) -> Logged:
    item = {"SKU": sku, "productCategories": [{"categoryName": f"of {sku}"}]}
    event = {
        "_id": f"{who} {ts}",
        "timestamp": ts,
        "eventType": "commerce.productViews",
        "identityMap": {"crm": [{"id": who[4:]}]},
        "productListItems": [item],
    }
    return Logged(who.encode(), encode_events([event])[0], ts)


async def test_interests_go_with_the_person(
    shards: RedisShardStore, reader: AsyncProfileStore, raw: redis.Redis
) -> None:
    """A delete leaves no key; late events stay out; what comes later starts anew."""
    logs = Logs(PARTITIONS)
    worker = Worker(shards, logs, SHARDS, "w")
    await worker.own(range(PARTITIONS))

    async def seen(who: str, ts: int, sku: str) -> None:
        logs.now = ts
        logs.append(EXPERIENCE_EVENTS.name, _visit(who, ts, sku))
        await worker.drain()

    await seen("crm:1", START, "tea")
    await seen("crm:2", START, "tea")
    assert len(raw.keys("i:*")) == 2
    logs.now = START + DAY
    delete(logs, "crm:1", START + DAY)
    await worker.drain()
    (left,) = raw.keys("i:*")
    assert str(left).endswith(":crm:2'")
    await seen("crm:1", START + DAY - 1, "late")
    assert raw.keys("i:*") == [left]
    await seen("crm:1", START + 2 * DAY, "cup")
    found = (await known(reader, "crm", "1")).affinities
    assert [[t.name for t in found[kind]] for kind in ("products", "categories")] == [
        ["cup"],
        ["of cup"],
    ]
    logs.now = START + 3 * DAY
    logs.append(EXPERIENCE_EVENTS.name, _visit("crm:1", START + 3 * DAY - 1, "gone"))
    delete(logs, "crm:1", START + 3 * DAY)
    logs.append(EXPERIENCE_EVENTS.name, _visit("crm:1", START + 3 * DAY + 1, "after"))
    await worker.drain(most=10)
    profile = await known(reader, "crm", "1")
    assert [t.name for t in profile.affinities["products"]] == ["after"]
