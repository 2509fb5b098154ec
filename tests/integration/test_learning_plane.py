"""The learn plane over a log and a store in memory: what it learns, publishes and survives."""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import replace
from time import thread_time

import numpy as np
import pytest

from afflux.codes import COUNTERS, Code
from afflux.names import EVENTS, Identity
from afflux.position import Position
from afflux.scoring import LinearScorer
from models.learner import Schedule
from models.snapshot import decode, encode, version_name, version_of
from models_log import CATALOG, LOG, ExampleLog, Incidents, current, example_values
from profile_store.contract import Commit
from profile_store.memory import MemoryShardStore
from streams.encoding import decode_model_update
from streams.ports import LogRange, StopPartition
from streams.scorers import SnapshotSource


@pytest.fixture
def store() -> MemoryShardStore:
    """An empty profile store."""
    return MemoryShardStore(64)


async def undisturbed(log: ExampleLog) -> dict[str, bytes]:
    """The final snapshots of a run without incidents."""
    store = MemoryShardStore(64)
    plane = log.plane(store)
    await plane.assigned(log.ranges())
    await log.feed(plane, 0)
    await plane.close()
    return await current(store)


async def test_learns_publishes_and_says_so(store: MemoryShardStore) -> None:
    """Each model's snapshot is in the store before its update, which names it and its figures."""
    log = ExampleLog(list(example_values(1_000)))
    plane = log.plane(store)
    assert await plane.assigned(log.ranges()) == {LOG: 0}
    await log.feed(plane, 0)
    await plane.close()
    snapshots = await current(store)
    assert set(snapshots) == {"churn", "lifetime_value"}
    last = {m.key: decode_model_update(m.value or b"") for m in log.sent}
    for name, data in snapshots.items():
        snapshot, update = decode(data, CATALOG.features), last[name.encode()]
        assert update["version"] == version_name(version_of(data))
        assert store.data[update["snapshot"].encode()] == data
        assert update["offsets"] == {"0": 1_000} == {"0": snapshot.offset}
        assert update["examples"] == snapshot.examples == 500
        assert update["metrics"]["evaluated"] == 450
        assert update["metrics"]["untrained"] == 50
        assert update["trusted"] is True
    assert last[b"churn"]["metrics"]["auc"] > 0.75
    assert (
        last[b"lifetime_value"]["metrics"]["mae"] < last[b"lifetime_value"]["metrics"]["base_mae"]
    )


async def test_publishes_by_count_and_by_time(store: MemoryShardStore) -> None:
    """After so many examples; or when so much time has passed and anything is new; else not."""
    log = ExampleLog(list(example_values(250)))
    plane = log.plane(store, Schedule(examples=200, seconds=5.0))
    await plane.assigned(log.ranges())
    await log.feed(plane, 0, 150)
    assert plane.stats.snapshots == 0
    await log.feed(plane, 150, 200)
    assert plane.stats.snapshots == 2
    await log.feed(plane, 200, 250)
    await plane.tick()
    assert plane.stats.snapshots == 2
    log.now += 5.0
    await plane.tick()
    assert plane.stats.snapshots == 4
    log.now += 50.0
    await plane.tick()
    assert plane.stats.snapshots == 4


async def test_what_is_no_example_is_skipped_and_counted(
    store: MemoryShardStore, caplog: pytest.LogCaptureFixture
) -> None:
    """Garbage and examples of other features teach nothing and stop nothing."""
    good = example_values(100)
    values: list[bytes | None] = [*good[:60], b"garbage", b"{}", good[0][:20], b"", *good[60:]]
    log, clean = ExampleLog(values), ExampleLog([*good])
    plane = log.plane(store)
    await plane.assigned(log.ranges())
    with caplog.at_level(logging.ERROR, "afflux.learn"):
        await log.feed(plane, 0)
    await plane.close()
    assert plane.stats.unreadable == 4
    assert plane.stats.learned == 100
    assert "4 of the records 50 to 99" in caplog.text
    snapshots, expected = await current(store), await undisturbed(clean)
    for name, data in snapshots.items():
        ours, theirs = decode(data), decode(expected[name])
        assert ours.linear.weights.tolist() == theirs.linear.weights.tolist()
        assert ours.offset == 104


@pytest.mark.parametrize("seed", range(10))
async def test_crashes_repeats_and_older_stores_change_nothing(seed: int) -> None:
    """At the end the snapshots have the bytes of an undisturbed run.

    The process dies between batches or in the middle of one, the store fails, is restored from an
    older copy, an owner that lost the partition publishes late, and the log itself holds examples
    twice.
    """
    chance, values = random.Random(seed), example_values(900)
    for _ in range(5):  # a worker announced its outbox again
        at = chance.randrange(100, 900)
        values[at:at] = values[at - chance.randrange(1, 100) : at]
    log = ExampleLog(list(values))
    expected = await undisturbed(log)
    store = MemoryShardStore(64)
    incidents = Incidents(log, store, seed)
    await incidents.run()
    assert len(incidents.seen) >= 4
    assert await current(store) == expected


async def test_models_at_different_places_read_from_the_first(store: MemoryShardStore) -> None:
    """A crash between two snapshots leaves one behind: the other drops what it has."""
    log = ExampleLog(list(example_values(600)))
    expected = await undisturbed(log)
    plane = log.plane(store)
    await plane.assigned(log.ranges())
    await log.feed(plane, 0, 200)
    behind = store.dump()
    await log.feed(plane, 200, 400)
    mixed = store.dump() | {k: v for k, v in behind.items() if b"churn" in k}
    store.restore(mixed)
    plane = log.plane(store)
    assert await plane.assigned(log.ranges()) == {LOG: 200}
    await log.feed(plane, 200)
    assert plane.stats.repeats == 100
    await plane.close()
    assert await current(store) == expected


@pytest.mark.parametrize("change", ["made anew", "cut at its end"])
async def test_offsets_of_another_log_say_nothing(store: MemoryShardStore, change: str) -> None:
    """A topic made anew, or one that lost its end, is read from its start; nothing counts twice."""
    log = ExampleLog(list(example_values(400)))
    plane = log.plane(store)
    await plane.assigned(log.ranges())
    await log.feed(plane, 0)
    await plane.close()
    if change == "made anew":
        log.topic_id = b"another".ljust(16)
    else:
        del log.values[300:]
    plane = log.plane(store)
    assert await plane.assigned(log.ranges()) == {LOG: 0}
    await log.feed(plane, 0)
    assert plane.stats.learned == 0
    assert plane.stats.repeats == len(log.values)


async def test_a_snapshot_of_other_features_stops_the_partition(store: MemoryShardStore) -> None:
    """It is refused by name, with the way out, and nothing is replaced."""
    log = ExampleLog(list(example_values(200)))
    plane = log.plane(store)
    await plane.assigned(log.ranges())
    await log.feed(plane, 0)
    snapshot = decode((await current(store))["churn"])
    foreign = encode(replace(snapshot, features=("other", *snapshot.features[1:])))
    await store.put_snapshot("churn", version_name(version_of(foreign)), foreign)
    with pytest.raises(
        StopPartition, match=r"churn was learned from other features.*redis-cli DEL"
    ):
        await log.plane(store).assigned(log.ranges())
    assert (await current(store))["churn"] == foreign


async def test_more_than_one_partition_is_refused(store: MemoryShardStore) -> None:
    """What a model learns must have one order."""
    log = ExampleLog()
    two = {**log.ranges(), (LOG[0], 1): LogRange(log.topic_id, 0, 0)}
    with pytest.raises(StopPartition, match="one partition"):
        await log.plane(store).assigned(two)


async def test_the_event_loop_is_not_held_up(store: MemoryShardStore) -> None:
    """While a large batch is learned, others have their turn every few milliseconds of CPU time."""
    log = ExampleLog(list(example_values(4_000)))
    plane = log.plane(store, Schedule(100_000, 1e9))
    await plane.assigned(log.ranges())
    turns: list[float] = []

    async def others() -> None:
        while True:
            turns.append(thread_time())
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    began = thread_time()
    await plane.process(log.batch(0, 4_000))
    task.cancel()
    assert len(turns) > 12
    assert np.diff(turns).max() < 0.02
    assert thread_time() - began < 2.0


async def test_scorers_adopt_snapshots(store: MemoryShardStore) -> None:
    """Untrained at first; then what was published, once; the offset tells how far it learned."""
    source = SnapshotSource(store, CATALOG)
    assert source.current.versions.tolist() == [0, 0]
    assert source.learned_offset == 0
    assert await source.refresh() is None
    log = ExampleLog(list(example_values(400)))
    plane = log.plane(store)
    await plane.assigned(log.ranges())
    await log.feed(plane, 0)
    adopted = await source.refresh()
    assert isinstance(adopted, LinearScorer)
    assert source.current is adopted
    assert source.learned_offset == 400
    stored = [version_of(data) for data in (await current(store)).values()]
    assert adopted.versions.tolist() == stored
    assert await source.refresh() is None


async def test_scorers_keep_what_they_have(
    store: MemoryShardStore, caplog: pytest.LogCaptureFixture
) -> None:
    """A damaged or foreign snapshot, a renamed one, or an empty store: one error, no change."""
    source = SnapshotSource(store, CATALOG)
    log = ExampleLog(list(example_values(400)))
    plane = log.plane(store)
    await plane.assigned(log.ranges())
    await log.feed(plane, 0)
    await source.refresh()
    before = source.current
    churn = (await current(store))["churn"]
    for version, data in (("00", churn), ("11", churn[:100]), ("22", b"?")):
        await store.put_snapshot("churn", version, data)
        for _ in range(3):
            assert await source.refresh() is None
    store.restore({})
    assert await source.refresh() is None
    assert source.current is before
    assert caplog.text.count("is not used") == 3


async def test_examples_of_deleted_people_are_not_learned(store: MemoryShardStore) -> None:
    """What was opened before the delete is dropped; what was opened after it is learned."""
    log = ExampleLog(list(example_values(200)))
    for row, deleted_at in ((3, 10_000), (5, 1)):
        identity = Identity(b"t:%04d" % row)
        tombstone = CATALOG.new_fragments(1)
        tombstone["deleted_at"] = deleted_at
        fragments = [(identity, EVENTS, CATALOG.encode_rows(tombstone)[0])]
        controls = tuple(int(code == Code.control) for code in range(COUNTERS))
        position = Position(CATALOG.layout, (), 1, counters=controls).encode()
        (landed,) = await store.commit([Commit(row, b"", position, b"", fragments)])
        assert landed.landed
    plane = log.plane(store)
    await plane.assigned(log.ranges())
    await log.feed(plane, 0)
    await plane.close()
    assert plane.stats.forgotten == 2
    assert plane.stats.learned == 198
    assert plane.stats.offset == 200
