"""A profile store that observes how long its commits take."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic

from profile_store.contract import Commit, CommitResult, ShardStore
from streams.metrics import Metrics


class TimedStore:
    """Any ShardStore, with `afflux_commit_seconds`. Raises what the store raises."""

    def __init__(self, store: ShardStore, metrics: Metrics, plane: str = "enrich") -> None:
        self._store = store
        self._seconds = metrics.commit_seconds.labels(plane)
        self.read = store.read
        self.positions = store.positions
        self.outboxes = store.outboxes
        self.put_snapshot = store.put_snapshot
        self.current_snapshots = store.current_snapshots
        self.snapshot = store.snapshot
        self.snapshots = store.snapshots
        self.close = store.close

    async def commit(self, commits: Sequence[Commit]) -> list[CommitResult]:
        """The store's commit, timed."""
        began = monotonic()
        results = await self._store.commit(commits)
        self._seconds.observe(monotonic() - began)
        return results


def timed(store: ShardStore, metrics: Metrics, plane: str = "enrich") -> ShardStore:
    """The same store, observed."""
    return TimedStore(store, metrics, plane)
