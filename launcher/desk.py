"""The privacy desk over the servers of the settings, for the length of one command."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from launcher.compose import redis_options, secret_of, stream_settings
from launcher.connect import connected, with_redis
from launcher.errors import LauncherError

if TYPE_CHECKING:
    from profile_store import AsyncProfileStore
    from streams.privacy.desk import PrivacyDesk

T = TypeVar("T")


def at_the_desk(ask: Callable[[PrivacyDesk], Awaitable[T]]) -> T:
    """What `ask` finds, with connections that are made and dropped here.

    Raises LauncherError for what cannot be an identity, StoreError, BrokerUnavailable.
    """
    return asyncio.run(_ask(ask))


def with_profiles(ask: Callable[[AsyncProfileStore], Awaitable[T]]) -> T:
    """The same with the profile store alone."""
    return asyncio.run(_read(ask))


async def _ask(ask: Callable[[PrivacyDesk], Awaitable[T]]) -> T:
    from profile_store import AsyncProfileStore
    from streams.delivery import KafkaDelivery
    from streams.privacy.desk import PrivacyDesk
    from streams.privacy.live_configs import live_configs

    settings = connected()
    streams = stream_settings(settings)
    made: list[KafkaDelivery] = []

    def delivery() -> KafkaDelivery:
        made.append(KafkaDelivery(streams))
        return made[-1]

    async with AsyncProfileStore(redis_options(settings)) as store:
        desk = PrivacyDesk(store, delivery, live_configs(streams), secret_of(settings))
        try:
            return await ask(desk)
        except ValueError as error:
            raise LauncherError(str(error)) from None
        finally:
            for one in made:
                await one.close()


async def _read(ask: Callable[[AsyncProfileStore], Awaitable[T]]) -> T:
    from profile_store import AsyncProfileStore

    async with AsyncProfileStore(redis_options(with_redis())) as store:
        try:
            return await ask(store)
        except ValueError as error:
            raise LauncherError(str(error)) from None
