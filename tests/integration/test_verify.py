"""Is what is served what the log says? A worker's store beside its logs, whole and with faults."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import pytest

from afflux.identity import Edge, Edges
from afflux.limits import Expiry, StepSettings
from afflux.names import EVENTS, Identity
from afflux.outcome import Control
from afflux.shards import murmur2
from core_cases import CATALOG
from enrich_rig import TIMELINES, Logs, Worker
from enrich_workload import DAY, _control, workload
from profile_store.memory import MemoryShardStore
from verify_rig import Checker

SHARDS, PARTITIONS = 16, 4
SETTINGS = StepSettings(SHARDS, timelines=TIMELINES)

Fault = Callable[[MemoryShardStore], str]
"""Spoils a store; the field that must be named."""


def folded(records: int = 900, most: int = 50, expiry: Expiry | None = None) -> Checker:
    """A store with everything that a log does to it: links, deletes, repeats, late and bad ones."""
    logs, store = Logs(PARTITIONS), MemoryShardStore(SHARDS)
    workload(logs, records, people=60, days=40, seed=5)
    for n, kind in enumerate(("opt_out", "opt_in", "opt_out")):
        for person in range(n, 12, 3):
            now, who = logs.now + n, Identity(b"crm:%d" % person)
            _control(logs, Control(kind, 0, now, now, who, 0, None, f"o{person}"))
    worker = Worker(store, logs, SHARDS, "worker", expiry=expiry)

    async def run() -> None:
        await worker.own(range(PARTITIONS))
        await worker.drain(random.Random(2), most)

    asyncio.run(run())
    return Checker(
        store, logs, StepSettings(SHARDS, expiry=expiry or Expiry(), timelines=TIMELINES)
    )


@pytest.fixture(scope="module")
def whole() -> Checker:
    """A store that nobody has spoiled: tests put back what they change."""
    return folded()


def test_what_a_worker_wrote_is_what_the_log_says(whole: Checker) -> None:
    """Everybody is compared, and nobody differs."""
    report = whole.everybody()
    assert report.differences == []
    fragments = sum(key[:2] == b"f:" for key in whole.store.data)
    assert report.checked >= fragments > 60
    assert (report.uncheckable, report.unsettled) == (0, 0)


@pytest.mark.parametrize(
    "expiry", [Expiry(profile_ms=10 * DAY), Expiry(90 * DAY, 5 * DAY, ("web",), 9 * DAY)]
)
def test_whoever_has_expired_is_gone_on_both_sides(expiry: Expiry) -> None:
    """Rows that the worker has forgotten are not missed."""
    report = folded(expiry=expiry).everybody()
    assert report.differences == []
    assert report.checked > 20


def test_the_same_in_mid_log() -> None:
    """Shards that stand at different places are compared where each of them stands."""
    checker = folded(300)
    workload(checker.logs, 300, people=60, days=20, seed=6, start=checker.logs.now, first=5_000)
    worker = Worker(checker.store, checker.logs, SHARDS, "second")

    async def some() -> None:
        await worker.own(range(PARTITIONS))
        for tp in list(worker.offsets):
            await worker.step(tp, 37)
        await worker.plane.close()

    asyncio.run(some())
    assert checker.everybody().differences == []


def _row(store: MemoryShardStore, kind: bytes) -> bytes:
    """The key of a row of this kind whose owner has links or the like."""
    return sorted(k for k, v in store.data.items() if k[:2] == kind and v)[3]


def a_byte_of_a_row(store: MemoryShardStore) -> str:
    """Money that nobody spent."""
    key = _row(store, b"f:")
    row = CATALOG.decode_fragments([bytes(store.data[key])]).copy()  # type: ignore[arg-type]
    row["life"][0, 2] += 1e-9
    store.data[key] = row.tobytes()
    return "life"


def a_row_that_is_lost(store: MemoryShardStore) -> str:
    """Somebody is in the log and not in the store."""
    key = _row(store, b"f:")
    shard, identity = store.keys.owner_of(key) or (0, Identity(b""))
    for other in (
        key,
        *store.keys.edges(shard, [identity]),
        *store.keys.interests(shard, [identity]),
    ):
        store.data.pop(other, None)
    return "first_ts"


def a_row_of_nobody(store: MemoryShardStore) -> str:
    """Somebody is in the store and not in the log."""
    stranger = Identity(b"crm:stranger")
    shard = int(murmur2([stranger])[0]) % SHARDS
    (key,) = store.keys.fragments(shard, [(stranger, EVENTS)])
    store.data[key] = store.data[_row(store, b"f:")]
    return "last_ts"


def a_link_too_many(store: MemoryShardStore) -> str:
    """An edge that no record made."""
    key = _row(store, b"l:")
    edges = Edges.decode(bytes(store.data[key]))  # type: ignore[arg-type]
    store.data[key] = edges.put(Identity(b"web:nobody"), Edge(5, "e", False)).encode()
    return "links[web:nobody]"


def an_interest_that_faded(store: MemoryShardStore) -> str:
    """The last byte of the interests."""
    key = _row(store, b"i:")
    data = bytes(store.data[key])  # type: ignore[arg-type]
    store.data[key] = data[:-1] + bytes([data[-1] ^ 1])
    return "interests"


def a_deadline_that_nobody_keeps(store: MemoryShardStore) -> str:
    """Somebody will never be looked at again."""
    key = next(k for k, v in sorted(store.data.items()) if k[:2] == b"d:" and v)
    due = store.data[key]
    assert isinstance(due, dict)
    store.data[key] = dict(list(due.items())[1:])
    return "deadline"


@pytest.mark.parametrize(
    "fault",
    [
        a_byte_of_a_row, a_row_that_is_lost, a_row_of_nobody, a_link_too_many,
        an_interest_that_faded, a_deadline_that_nobody_keeps,
    ],
)  # fmt: skip
def test_a_planted_fault_is_found(whole: Checker, fault: Fault) -> None:
    """It is the only one, with the fields that differ."""
    before = dict(whole.store.data)
    field = fault(whole.store)
    try:
        report = whole.everybody()
    finally:
        whole.store.data.clear()
        whole.store.data.update(before)
    (one,) = report.differences
    assert field in [f.field for f in one.fields]


def test_a_sample_is_as_large_as_asked_for_and_its_seed_chooses_it(whole: Checker) -> None:
    """The same seed compares the same people; all seeds together find a fault sooner or later."""
    assert 0 < whole.everybody(most=10).checked <= 10
    before = dict(whole.store.data)
    a_byte_of_a_row(whole.store)
    try:
        found = [len(whole.everybody(most=20, seed=seed).differences) for seed in range(12)]
    finally:
        whole.store.data.clear()
        whole.store.data.update(before)
    assert set(found) == {0, 1}


def test_a_log_that_has_lost_its_start_accuses_nobody(whole: Checker) -> None:
    """Whoever may have a past before the log is not checkable; those after it still are."""
    for share in (0.02, 0.3, 0.7):
        starts = [int(len(whole.logs.inputs[("experience-events", p)]) * share) for p in range(4)]
        report = whole.everybody(starts=starts)
        assert report.differences == []
        assert report.uncheckable > 0
    newcomers = folded()
    late = newcomers.logs.now + 5 * DAY
    starts = [len(newcomers.logs.inputs[("experience-events", p)]) - 1 for p in range(4)]
    workload(newcomers.logs, 200, people=600, days=9, seed=8, start=late, first=9_000)
    worker = Worker(newcomers.store, newcomers.logs, SHARDS, "second")

    async def run() -> None:
        await worker.own(range(PARTITIONS))
        await worker.drain(random.Random(3))

    asyncio.run(run())
    report = newcomers.everybody(starts=starts)
    assert report.differences == []
    assert report.checked > 30
    assert report.uncheckable > 30


def test_a_worker_looks_at_people_of_the_log(whole: Checker) -> None:
    """At most so many, in one pass over a partition; a fault among them is found by some pass."""
    report = whole.background(1, most=7)
    assert 0 < report.checked <= 7
    assert report.differences == []
    before = dict(whole.store.data)
    a_byte_of_a_row(whole.store)
    try:
        reports = [whole.background(p, 1_000) for p in range(PARTITIONS)]
    finally:
        whole.store.data.clear()
        whole.store.data.update(before)
    assert sum(r.mismatched for r in reports) == 1
