"""Alarms of the volume forecasts while workers run: as metrics, and on `model-updates`.

Counts are of the store, so forecasts are those that `afflux forecast` makes on demand. They are
made anew when event time has closed another day. The record has all alarms that stand, under one
key of a compacted topic: whoever reads it late, or twice, knows the same.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Any

from afflux.limits import DAY_MS
from models.volume_series import described, outlook
from profile_store.volumes import DailyVolumes
from streams.encoding import encode_model_update
from streams.metrics import Metrics
from streams.ports import Delivery, Message
from streams.topics import MODEL_UPDATES

VOLUMES = "volumes"
"""Key of the record, and its `model`."""

EVERY_S = 60.0


class VolumeWatch:
    """Looks at the counts once in a while. read: the counts of the store."""

    def __init__(
        self,
        read: Callable[[], Awaitable[DailyVolumes]],
        delivery: Delivery,
        metrics: Metrics,
        monotonic: Callable[[], float],
        wall_ms: Callable[[], int],
    ) -> None:
        self._read, self._delivery, self._metrics = read, delivery, metrics
        self._monotonic, self._wall_ms = monotonic, wall_ms
        self._looked_at = -math.inf
        self._open_day: int | None = None

    async def look_if_due(self) -> None:
        """Tell of a newly closed day. Raises StoreUnavailable, BrokerUnavailable."""
        if self._monotonic() < self._looked_at + EVERY_S:
            return
        self._looked_at = self._monotonic()
        counts = await self._read()
        if counts.open_day is None or counts.open_day == self._open_day:
            return
        found = await asyncio.to_thread(outlook, counts.sums, counts.open_day)
        if found is not None:
            shown = described(found)
            for one in shown["forecasts"]:
                alarm = self._metrics.volume_alarm.labels(one["segment"], one["measure"])
                alarm.set(one["alarm"])
            value = _update(shown, (counts.open_day - 1) * DAY_MS, self._wall_ms())
            await self._delivery.send([Message(MODEL_UPDATES.name, VOLUMES.encode(), value)])
        self._open_day = counts.open_day

    def released(self) -> None:
        """Another worker looks from now on."""
        self._metrics.volume_alarm.clear()
        self._open_day, self._looked_at = None, -math.inf


def _update(shown: dict[str, Any], day_ms: int, published_at: int) -> bytes:
    """All alarms that stand after this day, as entries of the kind `alarm`."""
    standing = [one for one in shown["forecasts"] if one["alarm"]]
    return encode_model_update(
        {
            "model": VOLUMES,
            "version": "0" * 16,
            "examples": shown["days"],
            "metrics": {"alarms": float(len(standing))},
            "snapshot": "",
            "trusted": True,
            "publishedAt": published_at,
            "entries": [
                {
                    "kind": "alarm",
                    "at": day_ms,
                    "example": shown["days"],
                    "by": "rule",
                    "text": f"{one['measure']} of {one['segment']} on {shown['closed_until']}: "
                    f"{one['last']['value']:,.0f}, expected {one['last']['expected']:,.0f}",
                    "figures": {name: float(x) for name, x in one["last"].items()},
                }
                for one in standing
            ],
        }
    )
