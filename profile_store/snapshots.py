"""Snapshots of models as a reader finds them, as bytes."""

from __future__ import annotations

from collections.abc import Sequence

from profile_store.commands import Command
from profile_store.keys import current_key, model_slot, snapshot_key
from profile_store.link import Link
from profile_store.replies import checked


async def snapshots_of(
    link: Link, models: Sequence[str], versions: Sequence[str | None]
) -> list[bytes | None]:
    """These snapshots; None where no version is named, or it is gone meanwhile."""
    named = [(m, v) for m, v in zip(models, versions, strict=True) if v]
    if not named:
        return [None] * len(models)
    wanted = [Command(model_slot(m), ("GET", snapshot_key(m, v))) for m, v in named]
    found = checked(await link.run(wanted), link.name)
    by_model = dict(zip((m for m, _ in named), found, strict=True))
    return [by_model.get(model) for model in models]


async def current_snapshots(link: Link, models: Sequence[str]) -> list[bytes | None]:
    """The current snapshot of each model, None where there is none yet."""
    commands = [Command(model_slot(m), ("GET", current_key(m))) for m in models]
    found = checked(await link.run(commands), link.name) if models else []
    return await snapshots_of(link, models, [v.decode() if v else None for v in found])
