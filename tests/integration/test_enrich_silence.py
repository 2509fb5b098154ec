"""Silent people in the enrich plane: refreshed by ticks, announced, in waves; and read fresh."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from afflux.names import ModelName
from core_cases import CATALOG
from enrich_rig import START, Logs, Worker
from enrich_workload import DAY, purchase
from gateway_rig import MemoryLink, fixed_scoring
from profile_store import AsyncProfileStore, Profile, Score
from profile_store.contract import Commit, CommitResult
from profile_store.installation import Installation, ensure_installation
from profile_store.memory import MemoryShardStore
from streams.updates import decode_score_updates, update_order

MINUTE = 60_000
SHARDS, EVENTS = 8, "experience-events"


class Watched(MemoryShardStore):
    """Keeps how many served rows each commit writes."""

    def __init__(self, shards: int) -> None:
        super().__init__(shards)
        self.sizes: list[int] = []

    async def commit(self, commits: Sequence[Commit]) -> list[CommitResult]:
        """As the store does."""
        self.sizes += [len(c.served) for c in commits]
        return await super().commit(commits)


async def passing(worker: Worker, days: float) -> None:
    """So many days pass in which nobody sends anything."""
    worker.logs.now += round(days * DAY)
    worker.monotonic += 11
    await worker.tick()
    await worker.drain()


async def begun(store: MemoryShardStore, people: Sequence[str], commit_rows: int = 500) -> Worker:
    """Everybody has bought once, a minute apart."""
    logs = Logs(1)
    for n, who in enumerate(people):
        logs.now = START + n * MINUTE
        logs.append(EVENTS, purchase(logs.now, f"e-{who}", who))
    await ensure_installation(store, Installation.of(CATALOG, SHARDS, 1))
    worker = Worker(store, logs, SHARDS, "w", idle_tick_s=10, commit_rows=commit_rows)
    await worker.own([0])
    await worker.drain()
    return worker


def updates(logs: Logs) -> list[dict[str, Any]]:
    """Score updates so far."""
    return decode_score_updates([m.value for m in logs.outputs["score-updates"] if m.value])


async def fresh(store: MemoryShardStore, who: str, at: int | None = None) -> Profile:
    """Read by somebody who has the same models."""
    reader = AsyncProfileStore(link=MemoryLink(store), scoring=fixed_scoring)
    namespace, _, id = who.partition(":")
    profile = await reader.get(namespace, id, at=at, fresh=True)
    assert profile is not None
    return profile


async def test_scores_of_the_silent_are_announced_at_doubling_ages() -> None:
    """Each as of its deadline, without an event, and newer than what was said before."""
    store = MemoryShardStore(SHARDS)
    worker = await begun(store, ["crm:1"])
    for _ in range(80):
        await passing(worker, 1)
    said = updates(worker.logs)
    ages = [(u["eventTime"] - START) / DAY for u in said]
    assert ages == [0, 4, 14 + 1 / 24, 28 + 1 / 24, 32, 64]
    assert [u["eventId"] for u in said] == ["e-crm:1"] + [""] * 5
    assert [u["eventOffset"] for u in said] == [0] + [-1] * 5
    assert [update_order(u) for u in said] == sorted({update_order(u) for u in said})
    values = [u["scores"][0]["value"] for u in said]
    assert [u["scores"][0]["previous"] for u in said[1:]] == pytest.approx(values[:-1])
    assert len(set(values)) == len(values)


async def test_a_fresh_score_is_the_one_that_a_timer_would_serve() -> None:
    """By the same models and at the same time a reader and the worker say the same, to the bit."""
    store = MemoryShardStore(SHARDS)
    worker = await begun(store, ["crm:1"])
    before = await fresh(store, "crm:1", START + 4 * DAY)
    assert before.features == (await fresh(store, "crm:1", START + 4 * DAY)).features
    await passing(worker, 4.5)
    served = await AsyncProfileStore(link=MemoryLink(store)).get("crm", "1")
    assert served is not None
    assert {m: plain(s) for m, s in served.scores.items()} == {
        m: plain(s) for m, s in before.scores.items()
    }
    assert served.scores[ModelName("churn")].event_time == START + 4 * DAY


async def test_now_is_where_event_time_stands() -> None:
    """W of the partition, not the clock; where a person's event is ahead of it, the event."""
    store = MemoryShardStore(SHARDS)
    worker = await begun(store, ["crm:1", "crm:2"])
    profile = await fresh(store, "crm:1")
    score = profile.scores[ModelName("churn")]
    assert profile.at == score.event_time == START + MINUTE
    assert (score.event_id, score.event_offset) == ("", -1)
    assert (await fresh(store, "crm:2")).at == START + MINUTE
    await passing(worker, 2)
    assert (await fresh(store, "crm:1")).at == START + MINUTE + 2 * DAY
    assert (await fresh(store, "crm:1", START - DAY)).at == START


async def test_marks_of_fresh_profiles_change_with_time_and_models() -> None:
    """What is served stays; what is fresh has another mark once W or a snapshot moved."""
    store = MemoryShardStore(SHARDS)
    worker = await begun(store, ["crm:1"])
    reader = AsyncProfileStore(link=MemoryLink(store), scoring=fixed_scoring)

    async def marks() -> list[str]:
        found = [await reader.find([("crm", "1")], fresh=how) for how in (False, True)]
        return [f.marks()[0] for f in found]

    first = await marks()
    assert first == await marks()
    await passing(worker, 1)
    later = await marks()
    assert (later[0] == first[0], later[1] == first[1]) == (True, False)
    await store.put_snapshot("churn", "v1", b"-")
    last = await marks()
    assert (last[0] == first[0], last[1] == later[1]) == (True, False)


async def test_a_large_wave_goes_over_several_commits() -> None:
    """Everybody is refreshed once, in scripts of few rows, and the deadlines are those of one."""
    people, small, large = [f"crm:{n}" for n in range(120)], Watched(SHARDS), Watched(SHARDS)
    for store, rows in ((small, 5), (large, 500)):
        worker = await begun(store, people, rows)
        store.sizes.clear()
        await passing(worker, 12)
        told = [u for u in updates(worker.logs) if not u["eventId"]]
        assert {u["identity"] for u in told} == set(people)
        assert len(told) == len(people)
    assert max(small.sizes) <= 5 < max(large.sizes)
    keys = [key for key in large.data if key[:2] == b"d:"]
    assert len(keys) == SHARDS
    assert {key: small.data[key] for key in keys} == {key: large.data[key] for key in keys}


async def test_without_a_scorer_nothing_is_fresh() -> None:
    """The reader says what to do."""
    store = MemoryShardStore(SHARDS)
    await begun(store, ["crm:1"])
    with pytest.raises(ValueError, match="scoring=models"):
        await AsyncProfileStore(link=MemoryLink(store)).get("crm", "1", fresh=True)


def plain(score: Score) -> tuple[object, ...]:
    """All that a score says, without the place in the log that a reader does not know."""
    return (
        score.value, score.previous, score.score, score.percentile, score.bucket, score.trusted,
        score.factors, score.interval, score.event_time, score.event_id, score.event_offset,
    )  # fmt: skip
