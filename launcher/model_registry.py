"""The models of an installation as the store has them: current snapshots, and the registry."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from launcher.chosen_models import chosen_models
from launcher.compose import redis_options
from launcher.errors import LauncherError
from launcher.model_report import Known

if TYPE_CHECKING:
    from launcher.settings import Settings
    from models.contract import Model
    from profile_store.contract import StoredSnapshot
    from profile_store.redis_store import RedisShardStore

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Version:
    """A stored snapshot as the registry knows it."""

    version: str
    current: bool
    kept: bool
    about: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Everything."""
        return {
            "version": self.version, "current": self.current, "kept": self.kept, **self.about,
        }  # fmt: skip


def model_named(settings: Settings, name: str) -> Model:
    """One of the models in use. Raises LauncherError."""
    models = {m.spec.name: m for m in chosen_models(settings)}
    found = next((model for known, model in models.items() if known == name), None)
    if found is None:
        raise LauncherError(f"there is no model {name}", hint=f"models: {', '.join(models)}")
    return found


def known_models(settings: Settings, models: Sequence[Model]) -> list[Known]:
    """Their current snapshots. Raises LauncherError for one that cannot be used."""

    async def read(store: RedisShardStore) -> list[Known]:
        names = [model.spec.name for model in models]
        versions = await store.current_snapshots(names)
        return [
            await _known(store, model, version)
            for model, version in zip(models, versions, strict=True)
        ]

    return _with_store(settings, read)


def versions_of(settings: Settings, model: Model) -> list[Version]:
    """The stored snapshots of a model, the newest first."""
    name = model.spec.name

    async def read(store: RedisShardStore) -> list[Version]:
        (current,) = await store.current_snapshots([name])
        found = [
            Version(s.version, s.version == current, s.kept, await _about(store, name, s))
            for s in await store.snapshots(name)
        ]
        return sorted(found, key=_age, reverse=True)

    return _with_store(settings, read)


async def _about(store: RedisShardStore, name: str, stored: StoredSnapshot) -> dict[str, Any]:
    """What its writer said of a snapshot, and how good it was."""
    from models.figures import figures_of
    from models.snapshot import SnapshotError, decode_stored

    said: dict[str, Any] = json.loads(stored.about or b"{}")
    data = await store.snapshot(name, stored.version)
    try:
        figures = None if data is None else figures_of(decode_stored(data, stored.version))
    except SnapshotError:  # of another format: its figures are not known any more
        figures = None
    return said | {"metrics": {} if figures is None else dict(figures.metrics)}


def _age(version: Version) -> tuple[int, int, int]:
    about = version.about
    return about.get("offset", 0), about.get("examples", 0), about.get("published_at", 0)


async def _known(store: RedisShardStore, model: Model, version: str | None) -> Known:
    from models.snapshot import SnapshotError, decode_stored

    data = None if version is None else await store.snapshot(model.spec.name, version)
    if version is None or data is None:
        return Known(model.spec, 0, None)
    try:
        return Known(model.spec, int(version, 16), decode_stored(data, version))
    except SnapshotError as error:
        raise LauncherError(f"{model.spec.name}: {error}") from error


def _with_store(settings: Settings, read: Callable[[RedisShardStore], Awaitable[T]]) -> T:
    from afflux.shards import shards_for
    from profile_store.redis_store import RedisShardStore

    async def run() -> T:
        store = RedisShardStore(redis_options(settings), shards_for(settings.partitions))
        try:
            return await read(store)
        finally:
            await store.close()

    return asyncio.run(run())
