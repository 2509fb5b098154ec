"""Audience clusters from the log of examples to served rows: published, adopted, told."""

from __future__ import annotations

import numpy as np

from afflux.names import Identity
from models import cluster_log
from models.cluster_log import CLUSTERS, described
from models_log import CATALOG, LOG, ExampleLog, current, example_values
from profile_store.memory import MemoryShardStore
from streams.encoding import decode_model_update
from streams.scorers import SnapshotSource


async def published(store: MemoryShardStore) -> bytes:
    """The current snapshot of the clusters."""
    (version,) = await store.current_snapshots([CLUSTERS])
    data = await store.snapshot(CLUSTERS, version or "")
    assert data is not None
    return data


def said_any(source: SnapshotSource) -> bool:
    """Whether it puts people into clusters."""
    return source.current.clusters is not None


async def test_clusters_are_published_and_scorers_adopt_them() -> None:
    """The learner's clusters are stored and announced; a scorer assigns what the learner would."""
    store, log = MemoryShardStore(64), ExampleLog(list(example_values(1_200)))
    source = SnapshotSource(store, CATALOG)
    await source.refresh()
    assert not said_any(source)
    plane = log.plane(store)
    await plane.assigned(log.ranges())
    await log.feed(plane, 0)
    await plane.close()
    data = await published(store)
    shown = described(cluster_log.decode(data), data)
    assert len(shown["clusters"]) == 4
    assert sum(one["people"] for one in shown["clusters"]) <= 600
    said = [decode_model_update(m.value or b"") for m in log.sent if m.key == CLUSTERS.encode()]
    assert (said[-1]["model"], said[-1]["version"]) == (CLUSTERS, shown["version"])
    await source.refresh()
    adopted = source.current.clusters
    assert adopted is not None
    expected = cluster_log.decode(data).clustering
    assert expected is not None
    matrix = np.random.default_rng(0).normal(size=(50, CATALOG.dimension)).astype(np.float16)
    none = np.zeros(50, np.uint32)
    assert adopted.assign(matrix, none).tolist() == expected.assign(matrix, none).tolist()


async def test_a_learner_that_dies_learns_the_clusters_once() -> None:
    """After a death between two publications the bytes are those of an undisturbed run."""
    values = list(example_values(1_200))
    found = []
    for dies in (False, True):
        store, log = MemoryShardStore(64), ExampleLog(list(values))
        plane = log.plane(store)
        await plane.assigned(log.ranges())
        at = 0
        if dies:
            await log.feed(plane, 0, 730)
            plane = log.plane(store)
            at = (await plane.assigned(log.ranges()))[LOG]
            assert 0 < at < 730
            await log.feed(plane, max(0, at - 100), at)
        await log.feed(plane, at)
        await plane.close()
        found.append(await published(store))
    assert found[0] == found[1]


async def test_whoever_is_forgotten_leaves_the_sample_and_all_snapshots_after_that() -> None:
    """A null value under an identity: their vector goes, their name goes, nobody else's does."""
    store, log = MemoryShardStore(64), ExampleLog(list(example_values(1_200)))
    plane = log.plane(store)
    await plane.assigned(log.ranges())
    await log.feed(plane, 0)
    before = cluster_log.decode(await published(store))
    who = sorted({key[1] for key in before.last.values()})[0]
    assert before.habits_of(Identity(who)) is not None
    log.names[len(log.values)] = who
    log.values.append(None)
    await log.feed(plane, 1_200)
    await plane.close()
    after = cluster_log.decode(await published(store))
    assert after.habits_of(Identity(who)) is None
    assert after.memory["sample.hashes"].size == before.memory["sample.hashes"].size - 1
    assert (after.offset, plane.stats.unreadable) == (1_201, 0)
    for data in [await published(store), *(await current(store)).values()]:
        assert who.hex().encode() not in data
    kept = [key for key in after.last.values() if key[1]]
    assert len(kept) >= len(after.last) - 1
