"""Publishing: every snapshot at once, figures once a second and in the end."""

from __future__ import annotations

import pytest

from models.cluster_log import CLUSTERS
from models.learner import Schedule
from models.snapshot import decode, version_name, version_of
from models_log import ExampleLog, current, example_values
from profile_store.memory import MemoryShardStore
from streams.encoding import decode_model_update


@pytest.fixture
def log() -> ExampleLog:
    """Examples of two models; its clock stands still unless it is moved."""
    return ExampleLog(list(example_values(1_000)))


async def test_figures_are_told_once_a_second_and_snapshots_published_always(
    log: ExampleLog,
) -> None:
    """Ten snapshots in no time: one announcement; a second later the newest is announced."""
    store = MemoryShardStore(64)
    plane = log.plane(store, Schedule(100, 5.0))
    await plane.assigned(log.ranges())
    await log.feed(plane, 0, step=100)
    assert plane.stats.snapshots == 20
    first = [m.key for m in log.sent]
    assert sorted(k or b"" for k in first) == [b"churn", CLUSTERS.encode(), b"lifetime_value"]
    await plane.tick()
    assert len(log.sent) == 3
    log.now += 1.0
    await plane.tick()
    assert len(log.sent) == 6
    news = {m.key: decode_model_update(m.value or b"") for m in log.sent[3:]}
    for name, data in (await current(store)).items():
        told = news[name.encode()]
        assert told["version"] == version_name(version_of(data))
        assert told["examples"] == decode(data).examples
    await plane.tick()
    assert len(log.sent) == 6


async def test_the_last_snapshot_is_told_when_the_learner_stops(log: ExampleLog) -> None:
    """Whoever closes it hears of what it knew in the end, however soon that is."""
    store = MemoryShardStore(64)
    plane = log.plane(store, Schedule(100, 5.0))
    await plane.assigned(log.ranges())
    await log.feed(plane, 0, step=100)
    await plane.close()
    news = {m.key: decode_model_update(m.value or b"") for m in log.sent}
    assert news[b"churn"]["examples"] == 500


async def test_without_clusters_the_models_are_the_same(log: ExampleLog) -> None:
    """A learner that finds no clusters publishes the same snapshots, and none of clusters."""
    found = []
    for clusters in (True, False):
        store = MemoryShardStore(64)
        plane = log.plane(store, Schedule(100, 5.0), clusters=clusters)
        await plane.assigned(log.ranges())
        await log.feed(plane, 0, step=100)
        await plane.close()
        found.append(await current(store))
        (version,) = await store.current_snapshots([CLUSTERS])
        assert (version is not None) is clusters
    assert found[0] == found[1]
