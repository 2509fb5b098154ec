"""Forecasts of volumes, made of the days that workers have counted."""

from __future__ import annotations

import asyncio
from typing import Any

from gateway.profile_reading import ProfileReader
from models.volume_series import Outlook, described, outlook
from profile_store.volumes import DailyVolumes


class ForecastReading:
    """Reads the counts; unchanged ones are forecast once."""

    def __init__(self, reader: ProfileReader) -> None:
        self._reader = reader
        self._known: tuple[DailyVolumes, Outlook | None] | None = None

    async def all(self, segment: str | None) -> dict[str, Any]:
        """As `ForecastsDocument`; of one segment or of all."""
        counts = await self._reader.volumes()
        if self._known is None or self._known[0] != counts:
            found = await asyncio.to_thread(outlook, counts.sums, counts.open_day)
            self._known = counts, found
        return described(self._known[1], segment)
