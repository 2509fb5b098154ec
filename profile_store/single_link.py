"""Commands to one server, through redis-py's pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis

from profile_store.commands import Args, Command
from profile_store.connection import (
    CONNECTIONS,
    Greeting,
    PlainConnection,
    TlsConnection,
    login_settings,
    tls_settings,
)
from profile_store.errors import StoreMisconfigured
from profile_store.options import RedisOptions
from profile_store.replies import answered, is_error


class SingleLink:
    """One server."""

    def __init__(self, options: RedisOptions, greeting: Greeting) -> None:
        address = options.address()
        self.name = str(address)
        self._options = options
        settings = {**login_settings(options), "db": address.database}
        if address.tls:
            settings |= tls_settings(options)
        pool = BlockingConnectionPool(
            max_connections=CONNECTIONS,
            timeout=None,
            connection_class=TlsConnection if address.tls else PlainConnection,
            redis_connect_func=greeting.greet,
            **settings,
        )
        self._client = Redis.from_pool(pool)

    async def run(self, commands: Sequence[Command]) -> list[Any]:
        """Replies in order."""
        return await self._run([command.args for command in commands], 0.0)

    async def run_then(
        self, commands: Sequence[Command], then: Args, extra_s: float
    ) -> tuple[list[Any], list[Any]]:
        """Replies in order, and the reply of `then`."""
        replies = await self._run([*(command.args for command in commands), then], extra_s)
        return replies[:-1], replies[-1:]

    async def close(self) -> None:
        """Drop all connections."""
        await self._client.aclose()

    async def _run(self, commands: Sequence[Args], extra_s: float) -> list[Any]:
        async with answered(self._options, self.name, extra_s):
            pipeline = self._client.pipeline(transaction=False)
            for args in commands:
                pipeline.execute_command(*args)
            replies: list[Any] = await pipeline.execute(raise_on_error=False)
        if any(is_error(reply, "MOVED") for reply in replies):
            raise StoreMisconfigured(
                f"Redis at {self.name} is a node of a cluster: say so in the settings"
            )
        return replies
