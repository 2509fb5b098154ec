"""The settings of our topics as the broker has them now."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from streams.admin import Admin
from streams.privacy.holdings import Configs
from streams.settings import StreamSettings
from streams.topics import TOPICS


def live_configs(settings: StreamSettings) -> Callable[[], Awaitable[Configs]]:
    """Asks the broker each time; raises BrokerUnavailable."""
    names = [topic.name for topic in TOPICS]

    def ask() -> Configs:
        found = Admin(settings).describe(names, configs=True)
        return {name: state.configs for name, state in found.items()}

    async def configs() -> Configs:
        return await asyncio.to_thread(ask)

    return configs
