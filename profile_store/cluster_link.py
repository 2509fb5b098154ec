"""Commands to the masters of a Redis Cluster, through redis-py's cluster client."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from redis.asyncio import RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.cluster import PRIMARY
from redis.exceptions import AskError, MovedError, ResponseError, SlotNotCoveredError

from profile_store.commands import Args, Command
from profile_store.connection import (
    CONNECTIONS,
    Greeting,
    PlainConnection,
    TlsConnection,
    login_settings,
    tls_settings,
)
from profile_store.errors import StoreError, StoreUnavailable
from profile_store.options import RedisOptions
from profile_store.redirects import Errand, Patience, keys_apart, redirected, together
from profile_store.replies import answered, is_error

_TRIES = 4
"""Nodes that can be out of reach, one after the other, before a call is: any knows all slots."""

_CHANGES = ("MOVED", "ASK", "CLUSTERDOWN", "READONLY")
"""Codes of error replies after which the map of slots is asked for again."""


class ClusterLink:
    """A cluster.

    MOVED and ASK are followed, TRYAGAIN is waited for a little: they say that a command did not
    run. After the loss of a node, or of a reply, the caller gets the error, and the next call asks
    for the map of slots first.
    """

    clustered = True

    def __init__(self, options: RedisOptions, greeting: Greeting) -> None:
        address = options.address()
        self.name = f"{address} (cluster)"
        self._options = options
        self._seeds = list(address.places)
        self._client = _client(options, greeting)
        self._stale = False
        self._turn = asyncio.Semaphore(CONNECTIONS)

    async def run(self, commands: Sequence[Command]) -> list[Any]:
        """Replies in order."""
        return (await self._run(commands, (), 0.0))[0]

    async def run_then(
        self, commands: Sequence[Command], then: Args, extra_s: float
    ) -> tuple[list[Any], list[Any]]:
        """Replies in order, and the replies of `then`, one a server."""
        return await self._run(commands, then, extra_s)

    async def close(self) -> None:
        """Drop all connections."""
        await self._client.aclose()

    async def _run(
        self, commands: Sequence[Command], then: Args, extra_s: float
    ) -> tuple[list[Any], list[Any]]:
        try:
            async with answered(self._options, self.name, extra_s), self._turn:
                await self._know_slots()
                replies, confirmed = await self._exchange(commands, then)
        except StoreError:
            self._stale = True
            raise
        self._stale |= any(_tells_of_change(reply) for reply in (*replies, *confirmed))
        return replies, confirmed

    async def _know_slots(self) -> None:
        await self._client.initialize()
        if self._stale:
            await self._client.nodes_manager.initialize(self._seeds)
            self._stale = False

    async def _exchange(
        self, commands: Sequence[Command], then: Args
    ) -> tuple[list[Any], list[Any]]:
        errands = [Errand(i, c, self._owner(c.slot)) for i, c in enumerate(commands)]
        replies: list[Any] = [None] * len(commands)
        confirmed: list[Any] = []
        patience = Patience(asyncio.get_running_loop().time)
        while errands:
            found, then_found = await self._send(errands, then)
            # A node that ran nothing of this call has nothing to confirm.
            ran = {e.node.name for e, reply in found if not redirected(reply)}
            confirmed += [reply for name, reply in then_found if name in ran]
            again = []
            for errand, reply in found:
                replies[errand.place] = reply
                if redirected(reply) and not errand.lost:
                    again.append((errand, reply))
            errands = await self._next_errands(again, replies, patience)
        return replies, confirmed

    async def _send(
        self, errands: Sequence[Errand], then: Args
    ) -> tuple[list[tuple[Errand, Any]], list[tuple[str, Any]]]:
        """Each with its reply, and what each node, by name, answers to `then`."""
        pipeline = self._client.pipeline()
        nodes = {}
        mine = []
        for errand in errands:
            nodes[errand.node.name] = errand.node
            if errand.asking:
                pipeline.execute_command("ASKING", target_nodes=errand.node)
            mine.append(len(pipeline))
            pipeline.execute_command(*errand.command.args, target_nodes=errand.node)
        first_then = len(pipeline)
        for node in nodes.values() if then else ():
            pipeline.execute_command(*then, target_nodes=node)
        replies = await pipeline.execute(raise_on_error=False, allow_redirections=False)
        found = [(errand, replies[at]) for errand, at in zip(errands, mine, strict=True)]
        return found, list(zip(nodes, replies[first_then:], strict=False))

    async def _next_errands(
        self, again: Sequence[tuple[Errand, Any]], replies: list[Any], patience: Patience
    ) -> list[Errand]:
        """Where what did not run is sent now; `replies` gets what can be read key by key."""
        errands, waiting = [], []
        for errand, reply in again:
            if isinstance(reply, MovedError):
                await self._client.nodes_manager.move_slot(reply)
                errands.append(errand.sent_on(self._owner(errand.command.slot), asking=False))
            elif isinstance(reply, AskError):
                errands.append(errand.sent_on(self._node(reply), asking=True))
            elif apart := keys_apart(errand.command):
                parts, _ = await self._exchange(apart, ())
                replies[errand.place] = together(parts)
            else:
                waiting.append(errand)
        pause = patience.pause() if waiting else None
        if pause is not None:
            await asyncio.sleep(pause)
            errands += [replace(e, node=self._owner(e.command.slot), asking=False) for e in waiting]
        return sorted(errands, key=lambda errand: errand.place)

    def _owner(self, slot: int) -> ClusterNode:
        try:
            return self._client.nodes_manager.get_node_from_slot(slot)
        except (KeyError, SlotNotCoveredError):
            raise StoreUnavailable(
                f"Redis at {self.name}: no node serves slot {slot} at present"
            ) from None

    def _node(self, asked: AskError) -> ClusterNode:
        """The node that a slot moves to; it may be one that owns no slot yet."""
        slots = self._client.nodes_manager
        known: ClusterNode | None = slots.get_node(asked.host, asked.port)
        if known is not None:
            return known
        new = ClusterNode(asked.host, asked.port, PRIMARY, **slots.connection_kwargs)
        slots.set_nodes(slots.nodes_cache, {new.name: new})
        return new


def _tells_of_change(reply: Any) -> bool:
    lost = isinstance(reply, Exception) and not isinstance(reply, ResponseError)
    return lost or any(is_error(reply, code) for code in _CHANGES)


def _client(options: RedisOptions, greeting: Greeting) -> RedisCluster:
    address = options.address()
    tls = address.tls
    client = RedisCluster(
        startup_nodes=[ClusterNode(host, port) for host, port in address.others],
        **login_settings(options) | {"socket_connect_timeout": options.timeout_s / _TRIES},
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
