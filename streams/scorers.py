"""Where the enrich plane has its scorer from: the current snapshots, looked for again and again."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from afflux.catalog import Catalog
from afflux.clusters import Clustering
from afflux.names import ModelName
from afflux.scoring import LinearScorer, LinearSnapshot, untrained
from models import cluster_log
from models.cluster_log import CLUSTERS
from models.envelope import FRONT, Cut
from models.snapshot import SnapshotError, decode_scoring, version_name, version_of
from profile_store.contract import ShardStore

log = logging.getLogger("afflux.scorers")


class SnapshotSource:
    """The newest snapshot of each model of the catalog, untrained ones before the first.

    A snapshot that cannot be used (other features, damaged) is left alone, with one error a
    version; the model goes on with the one at hand. So it does when the store has none any more.
    """

    def __init__(self, store: ShardStore, catalog: Catalog) -> None:
        self._store = store
        self._features = catalog.features
        self._names = [m.name for m in catalog.models]
        self._seen: dict[ModelName, str] = {}
        self._snapshots = {
            m.name: untrained(m.name, m.link, len(catalog.features)) for m in catalog.models
        }
        self._clusters: Clustering | None = None
        self._current = LinearScorer(list(self._snapshots.values()))

    @property
    def current(self) -> LinearScorer:
        """Scorer over the newest snapshots."""
        return self._current

    @property
    def snapshots(self) -> Sequence[LinearSnapshot]:
        """Those that `current` scores with, in the catalog's order."""
        return self._current.snapshots

    @property
    def learned_offset(self) -> int:
        """All models have learned everything before this offset of `training-examples`."""
        return min(s.offset for s in self.snapshots)

    async def refresh(self) -> LinearScorer | None:
        """Adopt newer snapshots; the new scorer, or None. Raises StoreUnavailable."""
        names = [*self._names, CLUSTERS]
        versions = await self._store.current_snapshots(names)
        newer = {
            name: version
            for name, version in zip(names, versions, strict=True)
            if version is not None and self._seen.get(name) != version
        }
        adopted = [await self._adopt(name, version) for name, version in newer.items()]
        if not any(adopted):
            return None
        self._current = LinearScorer([self._snapshots[n] for n in self._names], self._clusters)
        return self._current

    async def _adopt(self, name: ModelName, version: str) -> bool:
        data = await self._store.snapshot(name, version, 0 if name == CLUSTERS else FRONT)
        if data is None:  # replaced and dropped meanwhile: the next look finds its successor
            return False
        self._seen[name] = version
        try:
            if name == CLUSTERS:
                if version_name(version_of(data)) != version:
                    raise SnapshotError("its content is not what its name says")
                self._clusters = cluster_log.decode(data, self._features).clustering
                return True
            snapshot = await self._read(name, version, data)
            self._check(name, version, snapshot)
        except SnapshotError as error:
            log.error("snapshot %s of %s is not used: %s", version, name, error)
            return False
        self._snapshots[name] = snapshot
        return True

    async def _read(self, name: ModelName, version: str, start: bytes) -> LinearSnapshot:
        """A snapshot from its first bytes, nearly always; from all of it where those are few."""
        try:
            return decode_scoring(start, self._features)
        except Cut:
            whole = await self._store.snapshot(name, version)
            return decode_scoring(whole or start, self._features)

    def _check(self, name: ModelName, version: str, snapshot: LinearSnapshot) -> None:
        if version_name(snapshot.version) != version:
            raise SnapshotError("its content is not what its name says")
        if (snapshot.model, snapshot.link) != (name, self._snapshots[name].link):
            raise SnapshotError(f"it is of {snapshot.model} ({snapshot.link})")
