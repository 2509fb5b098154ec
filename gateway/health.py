"""Whether the gateway can answer, for load balancers."""

from __future__ import annotations

from gateway.profile_reading import ProfileReader
from gateway.score_hub import ScoreHub
from profile_store import StoreError


class Health:
    """Asks Redis, and knows whether Kafka was heard of."""

    def __init__(self, reader: ProfileReader, hub: ScoreHub) -> None:
        self._reader, self._hub = reader, hub

    async def parts(self) -> dict[str, bool]:
        """What works: profiles decide whether we are ready, score updates come by themselves."""
        try:
            await self._reader.find([])
            await self._reader.snapshots([_PROBE])
        except StoreError:
            store = False
        else:
            store = True
        return {"profiles": store, "score_updates": self._hub.end is not None}


_PROBE = "churn"
"""Any name: a model that there is none of is an answer too."""
