"""Commands to the masters of a Redis Cluster, through redis-py's cluster client."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from redis.asyncio import RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError

from profile_store.commands import Args, Command
from profile_store.connection import (
    CONNECTIONS,
    Greeting,
    PlainConnection,
    TlsConnection,
    login_settings,
    tls_settings,
)
from profile_store.errors import StoreError
from profile_store.options import RedisOptions
from profile_store.replies import answered, is_error

_CHANGES = ("MOVED", "ASK", "CLUSTERDOWN", "READONLY")
"""Codes of error replies after which the map of slots is asked for again."""


class ClusterLink:
    """A cluster.

    redis-py follows MOVED and ASK, of commands that did not run. After the loss of a node, or of
    a reply, the caller gets the error, and the next call asks for the map of slots first.
    """

    clustered = True

    def __init__(self, options: RedisOptions, greeting: Greeting) -> None:
        address = options.address()
        self.name = f"{address} (cluster)"
        self._options = options
        self._seed = (address.host, address.port)
        self._client = _client(options, greeting)
        self._stale = False
        self._turn = asyncio.Semaphore(CONNECTIONS)

    async def run(self, commands: Sequence[Command]) -> list[Any]:
        """Replies in order."""
        return await self._run(commands, (), 0.0)

    async def run_then(
        self, commands: Sequence[Command], then: Args, extra_s: float
    ) -> tuple[list[Any], list[Any]]:
        """Replies in order, and the replies of `then`, one a server."""
        replies = await self._run(commands, then, extra_s)
        return replies[: len(commands)], replies[len(commands) :]

    async def close(self) -> None:
        """Drop all connections."""
        await self._client.aclose()

    async def _run(self, commands: Sequence[Command], then: Args, extra_s: float) -> list[Any]:
        try:
            async with answered(self._options, self.name, extra_s), self._turn:
                await self._know_slots()
                replies = await self._exchange(commands, then)
        except StoreError:
            self._stale = True
            raise
        self._stale |= any(_tells_of_change(reply) for reply in replies)
        return replies

    async def _know_slots(self) -> None:
        await self._client.initialize()
        if self._stale:
            await self._client.nodes_manager.initialize([self._seed])
            self._stale = False

    async def _exchange(self, commands: Sequence[Command], then: Args) -> list[Any]:
        slots = self._client.nodes_manager
        pipeline = self._client.pipeline()
        nodes = {}
        for command in commands:
            node = slots.get_node_from_slot(command.slot)
            nodes[node.name] = node
            pipeline.execute_command(*command.args, target_nodes=node)
        if then:
            for node in nodes.values():
                pipeline.execute_command(*then, target_nodes=node)
        # What is redirected runs on a connection that `then` does not see.
        return await pipeline.execute(raise_on_error=False, allow_redirections=not then)


def _tells_of_change(reply: Any) -> bool:
    lost = isinstance(reply, Exception) and not isinstance(reply, ResponseError)
    return lost or any(is_error(reply, code) for code in _CHANGES)


def _client(options: RedisOptions, greeting: Greeting) -> RedisCluster:
    tls = options.address().tls
    client = RedisCluster(
        **login_settings(options),
        **tls_settings(options),
        ssl=tls,
        retry=Retry(NoBackoff(), 0),
        reinitialize_steps=0,  # a moved slot is no reason to drop all connections
    )
    # Its constructor takes neither of these, though its nodes do.
    kind = TlsConnection if tls else PlainConnection
    client.get_connection_kwargs().update(connection_class=kind, redis_connect_func=greeting.greet)
    for node in client.startup_nodes:
        node.connection_class = kind
        node.connection_kwargs["redis_connect_func"] = greeting.greet
    return client
