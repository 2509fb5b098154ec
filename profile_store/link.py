"""To one server, or to the servers of a cluster: commands by slot, one round trip for all."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from profile_store.connection import Server
from profile_store.errors import StoreMisconfigured, StoreUnavailable
from profile_store.hash_tags import SLOTS
from profile_store.options import Address, RedisOptions
from profile_store.replies import checked, is_error
from profile_store.wire import Args


@dataclass(frozen=True, slots=True)
class Command:
    """One command and the slot of its keys."""

    slot: int
    args: Args


class Link(Protocol):
    """Runs commands. Error replies are values in the result; raises StoreUnavailable."""

    @property
    def name(self) -> str:
        """What messages call the other side."""
        ...

    async def run(self, commands: Sequence[Command]) -> list[Any]:
        """Replies in order; commands to the same server run in order."""
        ...

    async def run_then(
        self, commands: Sequence[Command], then: Args, extra_s: float
    ) -> tuple[list[Any], list[Any]]:
        """The same, and `then` last on each server that ran something, with its replies."""
        ...

    def close(self) -> None:
        """Drop all connections."""
        ...


def connect(options: RedisOptions, greeting: Sequence[Args] = (), *, writes: bool = False) -> Link:
    """A link that connects at first use. Raises ValueError when the URL cannot be used."""
    kind = ClusterLink if options.cluster else SingleLink
    return kind(options, greeting, writes)


class SingleLink:
    """One server."""

    def __init__(self, options: RedisOptions, greeting: Sequence[Args], writes: bool) -> None:
        address = options.address()
        self.name = str(address)
        self._server = Server(address, options, greeting, writes=writes)

    async def run(self, commands: Sequence[Command]) -> list[Any]:
        """Replies in order."""
        return self._whole(await self._server.run([command.args for command in commands]))

    async def run_then(
        self, commands: Sequence[Command], then: Args, extra_s: float
    ) -> tuple[list[Any], list[Any]]:
        """Replies in order, and the reply of `then`."""
        replies = await self._server.run([*(c.args for c in commands), then], extra_s)
        return self._whole(replies[:-1]), replies[-1:]

    def close(self) -> None:
        """Drop the connection."""
        self._server.close()

    def _whole(self, replies: list[Any]) -> list[Any]:
        if any(is_error(reply, "MOVED") for reply in replies):
            raise StoreMisconfigured(
                f"Redis at {self.name} is a node of a cluster: say so in the settings"
            )
        return replies


class ClusterLink:
    """The masters of a Redis Cluster.

    Nothing is sent twice: after MOVED, ASK or the loss of a node the caller gets the error, and
    the next call asks for the new map of slots first.
    """

    def __init__(self, options: RedisOptions, greeting: Sequence[Args], writes: bool) -> None:
        self._options = options
        self._greeting = greeting
        self._writes = writes
        self._seed = options.address()
        self.name = f"{self._seed} (cluster)"
        self._servers: dict[tuple[str, int], Server] = {}
        self._owner: list[Server] = []
        self._refreshing = asyncio.Lock()

    async def run(self, commands: Sequence[Command]) -> list[Any]:
        """Replies in order."""
        return (await self._run(commands, (), 0.0))[0]

    async def run_then(
        self, commands: Sequence[Command], then: Args, extra_s: float
    ) -> tuple[list[Any], list[Any]]:
        """Replies in order, and the replies of `then`, one a server."""
        return await self._run(commands, (then,), extra_s)

    def close(self) -> None:
        """Drop all connections."""
        for server in self._servers.values():
            server.close()
        self._servers.clear()
        self._owner = []

    async def _run(
        self, commands: Sequence[Command], then: Sequence[Args], extra_s: float
    ) -> tuple[list[Any], list[Any]]:
        owner = await self._slots()
        places: dict[Server, list[int]] = {}
        for place, command in enumerate(commands):
            places.setdefault(owner[command.slot], []).append(place)
        answers = await asyncio.gather(
            *(
                server.run([*(commands[p].args for p in mine), *then], extra_s)
                for server, mine in places.items()
            ),
            return_exceptions=True,
        )
        replies: list[Any] = [None] * len(commands)
        last: list[Any] = []
        for mine, answer in zip(places.values(), answers, strict=True):
            if isinstance(answer, BaseException):
                self._owner = []
                raise answer
            for place, reply in zip(mine, answer, strict=False):
                replies[place] = reply
            last += answer[len(mine) :]
        if any(is_error(reply, word) for reply in replies for word in ("MOVED", "ASK")):
            self._owner = []
        return replies, last

    async def _slots(self) -> list[Server]:
        if not self._owner:
            async with self._refreshing:
                if not self._owner:
                    self._owner = await self._ask_for_slots()
        return self._owner

    async def _ask_for_slots(self) -> list[Server]:
        seed = (self._seed.host, self._seed.port)
        if seed not in self._servers:
            self._servers[seed] = self._server(self._seed)
        failed: list[StoreUnavailable] = []
        for server in list(self._servers.values()):
            try:
                (ranges,) = checked(await server.run([("CLUSTER", "SLOTS")]), str(server.address))
            except StoreUnavailable as error:
                failed.append(error)
            else:
                return self._table(ranges, server.address)
        raise failed[0]

    def _table(self, ranges: Any, asked: Address) -> list[Server]:
        table: list[Server | None] = [None] * SLOTS
        for first, last, (host, port, *_), *_ in ranges:
            where = ((host or b"").decode() or asked.host, int(port))
            server = self._servers.get(where)
            if server is None:
                server = self._server(replace(self._seed, host=where[0], port=where[1]))
                self._servers[where] = server
            table[first : last + 1] = [server] * (last + 1 - first)
        missing = table.count(None)
        if missing:
            raise StoreUnavailable(f"the cluster at {self.name} has no master for {missing} slots")
        return [server for server in table if server is not None]

    def _server(self, address: Address) -> Server:
        return Server(address, self._options, self._greeting, writes=self._writes)
