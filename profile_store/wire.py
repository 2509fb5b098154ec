"""One pipelined connection to a Redis server.

Commands of all callers share it, in order; replies come back in the same order. At 64 shards it
takes 0.6 of the client time of redis.asyncio's pipeline (benchmarks/store_bench.py).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, cast

import hiredis

from profile_store.errors import StoreUnavailable

Args = Sequence[bytes | str | int]
"""One command with its arguments."""

_pack = cast("Callable[[tuple[bytes | str | int, ...]], bytes]", hiredis.pack_command)


class _Waiting:
    __slots__ = ("count", "done", "replies")

    def __init__(self, count: int, done: asyncio.Future[list[Any]]) -> None:
        self.count = count
        self.done = done
        self.replies: list[Any] = []


class Wire(asyncio.Protocol):
    """Sends commands and pairs replies with them. Once closed it stays closed."""

    def __init__(self, server: str) -> None:
        self.server = server
        self.closed = False
        self._reader = hiredis.Reader()
        self._waiting: deque[_Waiting] = deque()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        reader, waiting = self._reader, self._waiting
        try:
            reader.feed(data)
            while (reply := reader.gets()) is not False:
                first = waiting[0]
                first.replies.append(reply)
                if len(first.replies) == first.count:
                    waiting.popleft()
                    if not first.done.done():  # its caller may be cancelled
                        first.done.set_result(first.replies)
        except (hiredis.ProtocolError, IndexError):
            self.abort(f"{self.server} does not speak Redis's protocol")

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio."""
        self.abort(f"Redis at {self.server} closed the connection{f' ({exc})' if exc else ''}")

    def abort(self, why: str) -> None:
        """Close at once; whoever waits gets StoreUnavailable."""
        self.closed = True
        if self._transport is not None:
            self._transport.abort()
        while self._waiting:
            done = self._waiting.popleft().done
            if not done.done():
                done.set_exception(StoreUnavailable(why))

    def send(self, commands: Sequence[Args]) -> asyncio.Future[list[Any]]:
        """Write commands; the future gets their replies, error replies as values."""
        done: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        if not commands:
            done.set_result([])
        elif self.closed or self._transport is None:
            done.set_exception(StoreUnavailable(f"Redis at {self.server} is not connected"))
        else:
            self._waiting.append(_Waiting(len(commands), done))
            self._transport.writelines([_pack(tuple(command)) for command in commands])
        return done
