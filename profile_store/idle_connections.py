"""Connections of redis-py's pool that stay out of it between calls: giving back costs 0.1 ms."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from redis.asyncio import ConnectionPool
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError

from profile_store.connection import CONNECTIONS


class IdleConnections:
    """Lends at most `CONNECTIONS` at a time; the pool makes, checks and mends them."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool
        self._idle: list[AbstractConnection] = []
        self._room = asyncio.Semaphore(CONNECTIONS)

    @asynccontextmanager
    async def one(self) -> AsyncIterator[AbstractConnection]:
        """A connection for one call. Where the call fails it is closed: replies may be under way.

        Raises what redis-py raises when there is no connection to be had.
        """
        async with self._room:
            connection = await self._take()
            try:
                yield connection
            except BaseException:
                await connection.disconnect(nowait=True)
                await self._pool.release(connection)
                raise
            self._idle.append(connection)

    async def _take(self) -> AbstractConnection:
        while self._idle:
            connection = self._idle.pop()
            with suppress(RedisError):
                if connection.is_connected and not await connection.can_read():
                    return connection
            await self._pool.release(connection)  # closed by the server, or it says what none asked
        taken: AbstractConnection = await self._pool.get_connection()  # type: ignore[no-untyped-call]
        return taken
