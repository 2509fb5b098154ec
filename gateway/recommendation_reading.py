"""Recommendations, ranked when they are asked for."""

from __future__ import annotations

from typing import Protocol

from models.envelope import SnapshotError
from profile_store import StoreMisconfigured
from profile_store.recommendations import Recommendations


class RecommendationReader(Protocol):
    """What is needed of a store; `AsyncProfileStore` is one."""

    async def recommend(
        self, namespace: str, id: str, count: int = 10, at: int | None = None
    ) -> Recommendations:
        """Lists for a person."""
        ...


class RecommendationReading:
    """Asks the store."""

    def __init__(self, reader: RecommendationReader) -> None:
        self._reader = reader

    async def of(self, namespace: str, id: str, count: int) -> Recommendations:
        """For a person. Raises StoreMisconfigured where a snapshot is damaged."""
        try:
            return await self._reader.recommend(namespace, id, count)
        except SnapshotError as error:
            raise StoreMisconfigured(str(error)) from None
