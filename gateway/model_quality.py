"""What the models are, and how good: from the snapshots that the learner has published."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from afflux.outcomes import ModelSpec
from gateway.profile_reading import ProfileReader
from models.figures import figures_of
from models.snapshot import Snapshot, SnapshotError, decode, version_name, version_of
from profile_store import StoreMisconfigured


class ModelQuality:
    """Reads current snapshots. models: those that this installation has."""

    def __init__(self, reader: ProfileReader, models: Sequence[ModelSpec]) -> None:
        self._reader, self._models = reader, {spec.name: spec for spec in models}
        self._read: dict[str, tuple[bytes, dict[str, Any]]] = {}

    async def all(self) -> list[dict[str, Any]]:
        """Every model, by name."""
        return await self._of(sorted(self._models))

    async def one(self, name: str) -> dict[str, Any] | None:
        """One model; None where there is no such."""
        if name not in self._models:
            return None
        (model,) = await self._of([name])
        return model

    async def _of(self, names: Sequence[str]) -> list[dict[str, Any]]:
        found = await self._reader.snapshots(names)
        return [self._described(n, data) for n, data in zip(names, found, strict=True)]

    def _described(self, name: str, data: bytes | None) -> dict[str, Any]:
        spec = next(spec for known, spec in self._models.items() if known == name)
        about = {"name": name, "predicts": spec.outcome.describe(), "kind": spec.link}
        if data is None:
            return {**about, "snapshot": None}
        known = self._read.get(name)
        if known is None or known[0] != data:
            known = self._read[name] = data, _snapshot(data)
        return {**about, "snapshot": known[1]}


def _snapshot(data: bytes) -> dict[str, Any]:
    try:
        snapshot: Snapshot = decode(data)
    except SnapshotError as error:
        raise StoreMisconfigured(str(error)) from None
    return {
        "version": version_name(version_of(data)),
        "examples": snapshot.examples,
        "trusted": snapshot.trusted,
        "learned_offset": snapshot.offset,
        "features": list(snapshot.features),
        "metrics": dict(figures_of(snapshot).metrics),
    }
