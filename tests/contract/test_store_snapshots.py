"""Snapshots of models in every shard store: one suite over memory, Redis and a Redis Cluster."""

from __future__ import annotations

from profile_store.contract import SNAPSHOTS_KEPT, SNAPSHOTS_RECENT
from store_cases import Harness

pytest_plugins = ["store_harness"]


async def test_snapshots_are_kept_and_the_last_is_current(harness: Harness) -> None:
    """A new snapshot becomes current; older ones stay readable; an old one can be put back."""
    store = harness.store
    assert await store.current_snapshots(["churn"]) == [None]
    assert await store.snapshot("churn", "00ff") is None
    await store.put_snapshot("churn", "00ff", b"\x00one")
    await store.put_snapshot("churn", "11ff", b"two")
    await store.put_snapshot("life time:value", "22ff", b"three")
    models = ["life time:value", "none", "churn"]
    assert await harness.other.current_snapshots(models) == ["22ff", None, "11ff"]
    assert await harness.other.snapshot("churn", "00ff") == b"\x00one"
    await store.put_snapshot("churn", "00ff", b"\x00one")
    assert await store.current_snapshots(["churn"]) == ["00ff"]
    assert await store.snapshot("churn", "11ff", 2) == b"tw"
    assert await store.snapshot("churn", "11ff", 99) == b"two"
    assert await store.snapshot("churn", "33ff", 2) is None
    assert await store.snapshot("churn", "11ff") == b"two"


async def test_snapshots_to_be_kept_outlive_the_recent_ones(harness: Harness) -> None:
    """So does the one before each of them; what is known of a snapshot goes when it goes."""
    store = harness.store
    assert await store.snapshots("churn") == []
    for n in range(SNAPSHOTS_RECENT + 6):
        await store.put_snapshot("churn", f"{n:04x}", b"%d" % n, b"about %d" % n, n == 3)
    found = {s.version: s for s in await harness.other.snapshots("churn")}
    recent = {f"{n:04x}" for n in range(6, SNAPSHOTS_RECENT + 6)}
    assert set(found) == {"0002", "0003", *recent}
    assert {version for version, s in found.items() if s.kept} == {"0002", "0003"}
    assert found["0003"].about == b"about 3"
    assert await store.snapshot("churn", "0002") == b"2"
    assert await store.snapshot("churn", "0004") is None
    for n in range(SNAPSHOTS_KEPT + 1):
        await store.put_snapshot("churn", f"{n + 4096:04x}", b"x", b"", keep=True)
    found = {s.version: s for s in await harness.other.snapshots("churn")}
    assert len(found) == SNAPSHOTS_KEPT
    assert await store.snapshot("churn", "0003") is None
