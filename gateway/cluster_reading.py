"""What the audience clusters are, from the snapshot that the learner has published."""

from __future__ import annotations

from typing import Any

from gateway.profile_reading import ProfileReader
from models.cluster_log import CLUSTERS, decode, described
from models.envelope import SnapshotError
from profile_store import StoreMisconfigured


class ClusterReading:
    """Reads the current snapshot; an unchanged one is decoded once."""

    def __init__(self, reader: ProfileReader) -> None:
        self._reader = reader
        self._read: tuple[bytes | None, dict[str, Any]] | None = None

    async def all(self) -> dict[str, Any]:
        """As `ClustersDocument`."""
        (data,) = await self._reader.snapshots([CLUSTERS])
        if self._read is None or self._read[0] != data:
            try:
                self._read = data, described(None if data is None else decode(data), data)
            except SnapshotError as error:
                raise StoreMisconfigured(str(error)) from None
        return self._read[1]
