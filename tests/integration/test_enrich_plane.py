"""The enrich plane over logs in memory: whatever happens on the way, the state is that of the log.

The oracle is the same plane in an undisturbed run over the final logs (its fold is proved equal
to a one-event-at-a-time version elsewhere).
"""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress

import pytest

from afflux.codes import REJECTED, Code
from afflux.examples import LABEL_UNCERTAIN
from afflux.position import Position
from core_cases import CATALOG
from enrich_rig import START, Logs, StoreUnavailable, Worker, rows_of
from enrich_workload import delete, purchase, workload
from profile_store.memory import MemoryShardStore
from streams.delivery import DeliveryClosed
from streams.encoding import decode_training_examples

PARTITIONS, SHARDS = 4, 16


def make_logs(seed: int, records: int = 600) -> Logs:
    """A workload of 4 partitions."""
    logs = Logs(PARTITIONS)
    workload(logs, records, people=40, days=120, seed=seed)
    return logs


async def undisturbed(logs: Logs) -> MemoryShardStore:
    """One worker folds the final logs in large batches."""
    logs.frozen, logs.outputs = True, {**{k: [] for k in logs.outputs}}
    store = MemoryShardStore(SHARDS)
    worker = Worker(store, logs, SHARDS, "oracle")
    await worker.own(range(logs.partitions))
    await worker.drain(most=10_000)
    return store


def positions(store: MemoryShardStore) -> list[Position]:
    """All positions without version and nonce."""
    found = []
    for shard in range(SHARDS):
        data = store.data[store.keys.position(shard)]
        assert isinstance(data, bytes)
        position = Position.decode(data)
        found.append(
            Position(
                position.layout, position.topics, 0, bytes(16), position.counters, position.origins
            )
        )
    return found


def examples(logs: Logs) -> set[tuple[object, ...]]:
    """Examples without repeats: id, opening, and the label where it is certain."""
    values = [m.value for m in logs.outputs["training-examples"] if m.value is not None]
    found = decode_training_examples(values, CATALOG.dimension, CATALOG.layout)
    assert len(found) == len(values)
    certain = (found.flags & LABEL_UNCERTAIN) == 0
    return {
        (
            int(found.shard[i]), *found.key(i), int(found.open_ts[i]), int(found.open_offset[i]),
            float(found.label[i]) if certain[i] else "uncertain",
        )
        for i in range(len(found))
    }  # fmt: skip


def assert_repeats_can_be_dropped(logs: Logs) -> None:
    """Per shard and model the new examples ascend: a learner may keep only the last key."""
    values = [m.value for m in logs.outputs["training-examples"] if m.value is not None]
    found = decode_training_examples(values, CATALOG.dimension, CATALOG.layout)
    seen: set[tuple[object, ...]] = set()
    last: dict[tuple[int, str], tuple[int, bytes, str]] = {}
    for i in range(len(found)):
        shard, key = int(found.shard[i]), found.key(i)
        if (shard, key) not in seen:
            of = (shard, key[2])
            assert of not in last or last[of] < key
            last[of] = key
            seen.add((shard, key))


async def assert_state_is_that_of_the_log(
    store: MemoryShardStore, logs: Logs, few: bool = False
) -> None:
    """Rows, counters, positions byte for byte; the examples as a set."""
    emitted = examples(logs)
    assert few or len(emitted) > 50
    assert_repeats_can_be_dropped(logs)
    oracle = await undisturbed(logs)
    assert rows_of(store.dump()) == rows_of(oracle.dump())
    assert positions(store) == positions(oracle)
    assert emitted == examples(logs)


async def test_any_cutting_into_batches_gives_the_same_state() -> None:
    """Small random batches, with ticks in between, end like a few large ones."""
    for seed in range(4):
        logs, rng = make_logs(seed), random.Random(seed)
        store = MemoryShardStore(SHARDS)
        worker = Worker(store, logs, SHARDS, "w")
        await worker.own(range(PARTITIONS))
        await worker.drain(rng, most=rng.choice([1, 7, 60]))
        await assert_state_is_that_of_the_log(store, logs)


async def test_shards_with_too_many_rows_move_in_parts() -> None:
    """With room for only 6 rows a commit, waves and batches are cut and nothing else changes."""
    logs = make_logs(11)
    store = MemoryShardStore(SHARDS)
    worker = Worker(store, logs, SHARDS, "w", commit_rows=6)
    await worker.own(range(PARTITIONS))
    await worker.drain(most=200)
    await assert_state_is_that_of_the_log(store, logs)


async def test_counters_add_up_to_the_records() -> None:
    """Every record of both topics is accepted, a duplicate, control, or rejected, once."""
    logs = make_logs(3)
    store = MemoryShardStore(SHARDS)
    worker = Worker(store, logs, SHARDS, "w")
    await worker.own(range(PARTITIONS))
    await worker.drain()
    counters = [sum(p.counters[c] for p in positions(store)) for c in range(32)]
    counted = [Code.accepted, Code.duplicates, Code.control, *REJECTED]
    assert sum(counters[c] for c in counted) == sum(len(log) for log in logs.inputs.values())
    assert counters[Code.duplicates] > 5
    assert counters[Code.deleted_identity] > 0
    assert counters[Code.late] > 5
    rejected = sum(counters[c] for c in REJECTED) - counters[Code.deleted_identity]
    assert rejected == len(worker.dead_letters.found)


@pytest.mark.parametrize("seed", range(3))
async def test_crashes_and_lost_replies_change_nothing(seed: int) -> None:
    """Commits whose reply is lost (landed, half landed, or not), then another worker."""
    logs, rng = make_logs(20 + seed), random.Random(seed)
    store = MemoryShardStore(SHARDS)
    for life in range(12):
        worker = Worker(store, logs, SHARDS, f"life {life}")
        await worker.own(range(PARTITIONS))
        store.lose_next_commit(rng.choice([None, 0, 1, 3]))
        with suppress(StoreUnavailable):
            for _ in range(100):
                await worker.step(rng.choice(list(worker.offsets)), rng.randint(1, 40))
    worker = Worker(store, logs, SHARDS, "last")
    await worker.own(range(PARTITIONS))
    await worker.drain(rng)
    await assert_state_is_that_of_the_log(store, logs)


@pytest.mark.parametrize("seed", range(3))
async def test_a_crash_between_commit_and_acks_loses_no_announcement(seed: int) -> None:
    """The producer dies with records in hand; the next owner announces from the outbox."""
    logs, rng = make_logs(40 + seed), random.Random(seed)
    store = MemoryShardStore(SHARDS)
    for life in range(12):
        logs.fail_after = rng.randrange(60)
        worker = Worker(store, logs, SHARDS, f"life {life}")
        with suppress(DeliveryClosed):
            await worker.own(range(PARTITIONS))
            await worker.drain(rng)
        await _abandon(worker)
    logs.fail_after = None
    worker = Worker(store, logs, SHARDS, "last")
    await worker.own(range(PARTITIONS))
    await worker.drain(rng)
    await assert_state_is_that_of_the_log(store, logs)


async def _abandon(worker: Worker) -> None:
    await worker.plane.revoked(range(PARTITIONS))


async def test_who_comes_back_right_after_a_delete_is_scored_and_not_retracted() -> None:
    """A delete and a later event in one batch end as in two: a new profile with its scores."""
    served = []
    for most in (1, 10):
        logs = Logs(1)
        logs.append("experience-events", purchase(START, "e1"))
        delete(logs, "crm:1", START + 1)
        logs.append("experience-events", purchase(START + 2, "e2"))
        store = MemoryShardStore(SHARDS)
        worker = Worker(store, logs, SHARDS, "w")
        await worker.own([0])
        await worker.drain(most=most)
        served.append({k: v for k, v in store.dump().items() if k.startswith(b"v:")})
        assert len(served[-1]) == 1
        last = logs.outputs["score-updates"][-1]
        assert last.value is not None
    one_by_one, together = (next(iter(s.values())) for s in served)
    assert one_by_one == together


async def test_a_failed_announcement_at_the_end_of_the_log_is_made_again() -> None:
    """No later batch waits for its acks, so the once-a-second work notices."""
    logs = Logs(1)
    logs.append("experience-events", purchase(logs.now, "e1"))
    worker = Worker(MemoryShardStore(SHARDS), logs, SHARDS, "w")
    await worker.own([0])
    logs.fail_after = 0
    await worker.step(("experience-events", 0), 1)
    await asyncio.sleep(0)
    logs.fail_after = None
    await worker.tick()
    assert [m.key for m in logs.outputs["score-updates"]] == [b"crm:1"]


@pytest.mark.parametrize("seed", range(3))
async def test_two_owners_at_once_change_nothing(seed: int) -> None:
    """A zombie that goes on after its partitions went to another worker is fenced off."""
    logs, rng = make_logs(60 + seed), random.Random(seed)
    store = MemoryShardStore(SHARDS)
    old, new = Worker(store, logs, SHARDS, "old"), Worker(store, logs, SHARDS, "new")
    await old.own(range(PARTITIONS))
    for _ in range(20):
        await old.step(rng.choice(list(old.offsets)), rng.randint(1, 30))
    await new.own(range(PARTITIONS))
    for _ in range(15):
        await rng.choice([old, new]).step(rng.choice(list(new.offsets)), rng.randint(1, 30))
    await _abandon(old)
    await new.own(range(PARTITIONS))
    await new.drain(rng)
    await assert_state_is_that_of_the_log(store, logs)


async def test_an_older_copy_of_the_store_is_noticed_and_folded_on() -> None:
    """A restored backup sends the worker back to its positions, in mid-run and when idle."""
    logs, rng = make_logs(80), random.Random(1)
    store = MemoryShardStore(SHARDS)
    worker = Worker(store, logs, SHARDS, "w")
    await worker.own(range(PARTITIONS))
    for _ in range(10):
        await worker.step(rng.choice(list(worker.offsets)), 20)
    backup = store.dump()
    for _ in range(10):
        await worker.step(rng.choice(list(worker.offsets)), 20)
    store.restore(backup)
    await worker.drain(rng)
    store.restore(backup)
    await worker.tick()
    await worker.drain(rng)
    await assert_state_is_that_of_the_log(store, logs)


async def test_a_rewind_beyond_the_end_that_was_known_at_take_over() -> None:
    """A log grows after it was taken over: what another owner folded since is not foreign."""
    logs = make_logs(90)
    inputs = {tp: list(log) for tp, log in logs.inputs.items()}
    for log in logs.inputs.values():
        del log[5:]
    store = MemoryShardStore(SHARDS)
    old, new = Worker(store, logs, SHARDS, "old"), Worker(store, logs, SHARDS, "new")
    await old.own(range(PARTITIONS))
    logs.inputs.update(inputs)
    await new.own(range(PARTITIONS))
    await new.drain()
    await old.tick()
    await old.drain()
    await assert_state_is_that_of_the_log(store, logs)


async def test_event_time_goes_on_in_an_idle_partition() -> None:
    """Ticks close what is due where no event comes any more, at the pace of the log."""
    logs = Logs(1)
    logs.append("experience-events", purchase(logs.now, "e1"))
    store = MemoryShardStore(SHARDS)
    worker = Worker(store, logs, SHARDS, "w", idle_tick_s=10)
    await worker.own([0])
    await worker.drain()
    assert not logs.outputs["training-examples"]
    for day in range(1, 30):
        logs.now = START + day * 86_400_000
        worker.monotonic += 11
        await worker.tick()
        await worker.drain()
    assert len(examples(logs)) == 2
    await assert_state_is_that_of_the_log(store, logs, few=True)
