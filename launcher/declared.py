"""The data sets that are declared, for commands."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from launcher.compose import redis_options
from launcher.settings import Settings

if TYPE_CHECKING:
    from profile_store.dataset_definitions import Datasets


def declared(settings: Settings) -> Datasets:
    """Those of the store that the settings name; the built-in ones where they name none.

    Raises StoreError.
    """
    from profile_store.dataset_definitions import Datasets

    if not settings.redis.url.get_secret_value():
        return Datasets()
    return asyncio.run(_read(settings))


def declared_or_built_in(settings: Settings) -> Datasets:
    """The same for commands that can do without: the built-in ones where Redis is away."""
    from profile_store import StoreUnavailable
    from profile_store.dataset_definitions import Datasets

    try:
        return declared(settings)
    except StoreUnavailable:
        return Datasets()


async def _read(settings: Settings) -> Datasets:
    from profile_store.dataset_store import DatasetShelf
    from profile_store.link import connect

    link = connect(redis_options(settings))
    try:
        return await DatasetShelf(link).current()
    finally:
        await link.close()
