"""Timelines from the log through the worker to readers: whole people, bounds, deletes, memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import redis

from afflux.limits import Timelines
from core_cases import CATALOG
from enrich_rig import START, TIMELINES, Logs, Worker
from enrich_workload import DAY, purchase
from privacy_rig import HOUR, NOON, Site
from profile_store import AsyncProfileStore, ProfileStore
from profile_store.installation import Installation, ensure_installation
from profile_store.redis_store import RedisShardStore

SHARDS = 16
ANN = "/v1/profiles/crm/ann-1/timeline"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """Ann buys by two identities, an hour between her events; bob once."""
    made = Site(tmp_path)
    await made.start()
    for n, who in enumerate(("crm:ann-1", "email:ann@example.org", "crm:ann-1", "crm:bob-1")):
        others = ("email:ann@example.org",) if n == 0 else ()
        made.logs.now = NOON + n * HOUR
        made.event(who, *others, at=NOON + n * HOUR)
    made.logs.now = NOON + 4 * HOUR
    await made.settle()
    async with made.http:
        yield made


async def events(site: Site, query: str = "") -> list[dict[str, Any]]:
    """What the API says happened to ann."""
    got = await site.http.get(f"{ANN}{query}")
    assert got.status_code == 200, got.text
    found: list[dict[str, Any]] = got.json()["events"]
    return found


async def test_a_timeline_is_of_the_whole_person(site: Site) -> None:
    """By any identity the events of all of them, in event time, with what was told of each."""
    found = await events(site)
    assert [e["event_time"] for e in found] == [NOON, NOON + HOUR, NOON + 2 * HOUR]
    assert [e["identity"] for e in found] == ["crm:ann-1", "email:ann@example.org", "crm:ann-1"]
    assert found[0] == {
        "event_id": "e1", "event_time": NOON, "event_type": "commerce.purchases",
        "amount": 10.0, "quantity": 0.0, "about": [], "identity": "crm:ann-1",
    }  # fmt: skip
    other = await site.http.get("/v1/profiles/email/ann%40example.org/timeline")
    assert other.json()["events"] == found
    page = await site.reader.timeline("email", "ann@example.org")
    assert page is not None
    assert page.to_dict()["events"] == found


async def test_late_events_stand_where_they_happened(site: Site) -> None:
    """A late event of the log is in its place for the reader; a repeat is not told twice."""
    site.event("crm:ann-1", at=NOON + HOUR // 2)
    site.logs.inputs[("experience-events", 0)] += site.logs.inputs[("experience-events", 0)][:3]
    site.logs.inputs[("experience-events", 1)] += site.logs.inputs[("experience-events", 1)][:3]
    await site.settle()
    times = [e["event_time"] for e in await events(site)]
    assert times == [NOON, NOON + HOUR // 2, NOON + HOUR, NOON + 2 * HOUR]


async def test_a_deleted_person_has_no_timeline(site: Site) -> None:
    """Export shows it, delete takes it, late events and replays meet the tombstone; then anew."""
    export = (await site.http.get("/v1/privacy/crm/ann-1")).json()
    kept = {one["identity"]: one.get("timeline", []) for one in export["identities"]}
    assert [len(kept[who]) for who in ("crm:ann-1", "email:ann@example.org")] == [2, 1]
    assert {key[:2] for key in site.traces("ann-1")} >= {b"t:", b"f:"}
    old = list(site.logs.inputs[("experience-events", 0)])
    assert (await site.http.delete("/v1/privacy/email/ann@example.org")).status_code == 202
    site.event("crm:ann-1", at=NOON + 2 * HOUR + 1)
    site.logs.inputs[("experience-events", 0)] += old
    await site.settle()
    assert (await site.http.get(ANN)).status_code == 404
    assert not [key for key in site.traces("ann-1", "ann%40") if key[:2] == b"t:"]
    after = site.logs.now
    site.event("crm:ann-1", at=after)
    await site.settle()
    assert [e["event_time"] for e in await events(site)] == [after]


async def test_who_opted_out_keeps_a_timeline(site: Site) -> None:
    """Events are folded as before without consent to be scored, so they are told as before."""
    said = await site.http.put("/v1/consent/crm/ann-1", json={"scoring": False})
    assert said.status_code == 202
    site.event("crm:ann-1", at=site.logs.now)
    await site.settle()
    assert len(await events(site)) == 4
    profile = await site.profile("crm:ann-1")
    assert profile is not None
    assert (profile["scores"], profile["opted_out"] is not None) == ({}, True)


async def begun(url: str, logs: Logs, kept: Timelines) -> tuple[RedisShardStore, Worker]:
    """A worker over a Redis that is empty."""
    store = RedisShardStore(url, SHARDS)
    await ensure_installation(store, Installation.of(CATALOG, SHARDS, 1))
    worker = Worker(store, logs, SHARDS, "w", timelines=kept)
    await worker.own([0])
    return store, worker


async def test_memory_goes_down_by_number_and_by_age(redis_url: str) -> None:
    """Fifty events of a person leave twenty; a month of silence leaves none, in Redis too."""
    logs, people = Logs(1), 200
    for n in range(50):
        for who in range(people):
            logs.now = START + n * HOUR + who
            logs.append("experience-events", purchase(logs.now, f"{who}-{n}", f"crm:{who}"))
    store, worker = await begun(redis_url, logs, TIMELINES)
    await worker.drain(most=1000)
    client = redis.Redis.from_url(redis_url)
    lengths = {client.llen(key) for key in client.keys("t:*")}
    assert (lengths, len(client.keys("t:*"))) == ({TIMELINES.events}, people)
    before = sum(client.memory_usage(key) or 0 for key in client.keys("t:*"))
    assert before / people / TIMELINES.events < 120
    with ProfileStore(redis_url) as reader:
        page = reader.timeline("crm", "7", limit=5, newest_first=True)
        assert page is not None
        assert [e.event_id for e in page.events] == [f"7-{n}" for n in (49, 48, 47, 46, 45)]
    for day in range(1, 36):  # one goes on, and event time with them
        for witness in ("crm:a", "crm:1"):
            logs.now = START + 49 * HOUR + day * DAY
            logs.append("experience-events", purchase(logs.now, f"{witness}{day}", witness))
    await worker.drain(most=1000)
    after = sum(client.memory_usage(key) or 0 for key in client.keys("t:*"))
    left = {key.partition(b"}:")[2] for key in client.keys("t:*") if isinstance(key, bytes)}
    assert left == {b"crm:1:events", b"crm:a:events"}
    assert after < before / 20
    async with AsyncProfileStore(redis_url) as store_reader:
        page = await store_reader.timeline("crm", "7")
        assert page is not None
        assert page.events == ()
    client.close()
    await store.close()


async def test_a_timeline_forgets_from_its_beginning(redis_url: str) -> None:
    """Of somebody who goes on those go that are too old where W is: here at the day before."""
    logs = Logs(1)
    for day in range(0, 40, 4):
        for witness in ("crm:a", "crm:b"):
            logs.now = START + day * DAY
            logs.append("experience-events", purchase(logs.now, f"{witness}{day}", witness))
    store, worker = await begun(redis_url, logs, Timelines(1000, 10 * DAY))
    await worker.drain()
    async with AsyncProfileStore(redis_url) as reader:
        page = await reader.timeline("crm", "a")
        assert page is not None
        assert [e.event_time for e in page.events] == [START + d * DAY for d in (24, 28, 32, 36)]
    await store.close()


async def test_without_timelines_nothing_is_written(redis_url: str) -> None:
    """No key of theirs; what else there is of a person is the same to the byte."""
    rows = []
    for kept in (Timelines(), Timelines(5)):
        logs = Logs(1)
        for n in range(40):
            logs.now = START + n * HOUR
            logs.append("experience-events", purchase(logs.now, f"e{n}", f"crm:{n % 3}"))
        client = redis.Redis.from_url(redis_url)
        client.flushall()
        store, worker = await begun(redis_url, logs, kept)
        await worker.drain()
        rows.append({key: client.get(key) for key in sorted(client.keys("[fv]:*"))})
        assert len(client.keys("t:*")) == (3 if kept.events else 0)
        client.close()
        await store.close()
    assert rows[0] == rows[1]
