"""People who stay away are forgotten by the worker: Redis gets smaller, subscribers hear of it."""

from __future__ import annotations

import pytest
import redis

from afflux.limits import Expiry
from core_cases import CATALOG
from enrich_rig import START, Logs, Worker
from enrich_workload import DAY, purchase
from profile_store import AsyncProfileStore
from profile_store.audience_definitions import Definitions
from profile_store.audience_store import AudienceStore
from profile_store.contract import ShardStore
from profile_store.installation import Installation, ensure_installation
from profile_store.memory import MemoryShardStore
from profile_store.redis_store import RedisShardStore

SHARDS, PEOPLE, MINUTE = 16, 1000, 60_000


async def begun(store: ShardStore, expiry: Expiry, commit_rows: int = 500) -> Worker:
    """Everybody buys on the first day; every tenth is back after sixty days."""
    logs = Logs(1)
    for n in range(PEOPLE):
        logs.now = START + n * MINUTE
        logs.append("experience-events", purchase(logs.now, f"a{n}", f"crm:{n}"))
    for day in range(1, 60):  # so that event time has witnesses on its way
        logs.now = START + day * DAY
        logs.append("experience-events", purchase(logs.now, f"d{day}", "crm:a"))
    for n in range(0, PEOPLE, 10):
        logs.now = START + 60 * DAY + n * MINUTE
        logs.append("experience-events", purchase(logs.now, f"b{n}", f"crm:{n}"))
    worker = Worker(store, logs, SHARDS, "w", expiry=expiry, commit_rows=commit_rows)
    await worker.own([0])
    return worker


async def count(client: redis.Redis, pattern: str) -> int:
    """Keys of a kind."""
    return len(client.keys(pattern))


async def test_memory_goes_down(redis_url: str) -> None:
    """Of a thousand people those who came back stay; Redis holds a fifth of the bytes at most."""
    store = RedisShardStore(redis_url, SHARDS)
    await ensure_installation(store, Installation.of(CATALOG, SHARDS, 1))
    worker = await begun(store, Expiry(profile_ms=90 * DAY))
    await worker.drain(most=500)
    client = redis.Redis.from_url(redis_url)
    before = sum(client.memory_usage(key) or 0 for key in client.keys("[fv]:*"))
    assert (await count(client, "f:*"), await count(client, "v:*")) == (PEOPLE + 1, PEOPLE + 1)
    for day in range(61, 96):
        worker.logs.now = START + day * DAY
        worker.logs.append("experience-events", purchase(worker.logs.now, f"d{day}", "crm:a"))
    await worker.drain(most=500)
    after = sum(client.memory_usage(key) or 0 for key in client.keys("[fv]:*"))
    left = PEOPLE // 10 + 1
    assert (await count(client, "f:*"), await count(client, "v:*")) == (left, left)
    assert after < before / 5
    assert sum(client.zcard(key) for key in client.keys("d:*")) == left
    async with AsyncProfileStore(redis_url) as reader:
        assert await reader.get("crm", "1") is None
        assert await reader.get("crm", "10") is not None
    gone = [m.key for m in worker.logs.outputs["score-updates"] if m.value is None]
    assert len(gone) == len(set(gone)) == PEOPLE - PEOPLE // 10
    client.close()
    await store.close()


@pytest.mark.parametrize("commit_rows", [3, 500])
async def test_scores_are_withdrawn_and_rows_stay(commit_rows: int) -> None:
    """After their own time, in waves; whoever comes back is scored again."""
    store = MemoryShardStore(SHARDS)
    await ensure_installation(store, Installation.of(CATALOG, SHARDS, 1))
    worker = await begun(store, Expiry(score_ms=40 * DAY), commit_rows)
    await worker.drain(most=500)
    kinds = [key[:2] for key in store.data]
    assert kinds.count(b"f:") == PEOPLE + 1
    assert kinds.count(b"v:") == PEOPLE // 10 + 1
    withdrawn = [m.key for m in worker.logs.outputs["score-updates"] if m.value is None]
    assert len(withdrawn) == len(set(withdrawn)) >= PEOPLE - PEOPLE // 10


BUYERS = "now - events.purchases.last < duration('240h')"


@pytest.mark.parametrize("days", [0, 30])
async def test_audiences_that_people_left_are_forgotten(redis_url: str, days: int) -> None:
    """A month after their entry, by timers alone; who is inside stays, and so do all without it."""
    store = RedisShardStore(redis_url, SHARDS)
    await ensure_installation(store, Installation.of(CATALOG, SHARDS, 1))
    shelf = AudienceStore(store.link, store.keys)
    rules = Definitions().with_rule("buyers", BUYERS, {}, 1)
    assert await shelf.swap_definitions(b"", rules.encode())
    logs, people = Logs(1), 50
    for n in range(people):
        logs.now = START + n * MINUTE
        logs.append("experience-events", purchase(logs.now, f"a{n}", f"crm:{n}"))
    for day in range(1, 45):
        for witness in ("crm:a", "crm:b"):
            logs.now = START + day * DAY
            logs.append("experience-events", purchase(logs.now, f"{witness}{day}", witness))
    worker = Worker(
        store, logs, SHARDS, "w", expiry=Expiry(membership_ms=days * DAY), audiences=shelf
    )
    await worker.own([0])
    await worker.drain(most=20)
    left = [m for m in logs.outputs["audience-updates"] if m.value is not None]
    assert len(left) >= 2 * people
    client = redis.Redis.from_url(redis_url)
    assert await count(client, "u:*") == 2 if days else people + 2
    assert sum(client.zcard(key) for key in client.keys("n:*")) == 2
    async with AsyncProfileStore(redis_url) as reader:
        gone, inside = await reader.get("crm", "7"), await reader.get("crm", "a")
        assert gone is not None
        assert inside is not None
        assert (set(gone.audiences), set(inside.audiences)) == (
            set() if days else {"buyers"}, {"buyers"},
        )  # fmt: skip
    client.close()
    await store.close()
