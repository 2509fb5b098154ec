"""The settings of our topics as the broker has them now."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from streams.admin import Admin
from streams.privacy.holdings import Configs
from streams.settings import StreamSettings


def live_configs(settings: StreamSettings) -> Callable[[Sequence[str]], Awaitable[Configs]]:
    """Asks the broker about these topics each time; raises BrokerUnavailable."""

    def ask(names: Sequence[str]) -> Configs:
        found = Admin(settings).describe(names, configs=True)
        return {name: state.configs for name, state in found.items()}

    async def configs(names: Sequence[str]) -> Configs:
        return await asyncio.to_thread(ask, names)

    return configs
