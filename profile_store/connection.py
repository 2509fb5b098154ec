"""Opening a connection: TCP or TLS, login, database, and what a writer checks first."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence

from profile_store.errors import StoreMisconfigured, StoreUnavailable
from profile_store.options import Address, RedisOptions
from profile_store.replies import checked
from profile_store.wire import Args, Wire


class Server:
    """One server, connected at first use and again after its connection is lost.

    greeting: commands to send on every new connection after the login. writes: refuse a server
    that may evict keys.
    """

    def __init__(
        self,
        address: Address,
        options: RedisOptions,
        greeting: Sequence[Args] = (),
        *,
        writes: bool = False,
    ) -> None:
        self.address = address
        self._options = options
        self._greeting = greeting
        self._writes = writes
        self._wire: Wire | None = None
        self._connecting = asyncio.Lock()

    async def run(self, commands: Sequence[Args], extra_s: float = 0.0) -> list[object]:
        """Replies of commands, error replies as values. Raises StoreUnavailable.

        extra_s: how much longer than usual the server may take.
        """
        wire = self._wire
        if wire is None or wire.closed:
            wire = await self._connected()
        return await self._answer(wire, commands, extra_s)

    def close(self) -> None:
        """Drop the connection."""
        if self._wire is not None:
            self._wire.abort(f"the connection to Redis at {self.address} was closed by us")
            self._wire = None

    async def _connected(self) -> Wire:
        async with self._connecting:
            if self._wire is None or self._wire.closed:
                wire = await self._open()
                try:
                    await self._greet(wire)
                except BaseException:
                    wire.abort("not logged in")
                    raise
                self._wire = wire
            return self._wire

    async def _open(self) -> Wire:
        address = self.address
        try:
            context = self._options.ssl_context() if address.tls else None
        except (OSError, ssl.SSLError) as error:
            raise StoreMisconfigured(f"TLS files for Redis cannot be used: {error}") from None
        try:
            async with asyncio.timeout(self._options.timeout_s):
                _, wire = await asyncio.get_running_loop().create_connection(
                    lambda: Wire(str(address)), address.host, address.port, ssl=context
                )
        except TimeoutError:
            raise StoreUnavailable(
                f"Redis at {address} does not accept a connection within "
                f"{self._options.timeout_s:g} s"
            ) from None
        except OSError as error:
            raise StoreUnavailable(f"Redis at {address} cannot be reached: {error}") from None
        return wire

    async def _greet(self, wire: Wire) -> None:
        commands: list[Args] = []
        address = self.address
        if address.username:
            commands.append(("AUTH", address.username, address.password))
        elif address.password:
            commands.append(("AUTH", address.password))
        if address.database:
            commands.append(("SELECT", address.database))
        commands += self._greeting
        if self._writes:
            commands.append(("INFO", "memory"))
        replies = checked(await self._answer(wire, commands), str(address))
        if self._writes:
            self._refuse_eviction(replies[-1])

    def _refuse_eviction(self, info: object) -> None:
        policy = next(
            (
                line.partition(b":")[2].decode()
                for line in (info.splitlines() if isinstance(info, bytes) else ())
                if line.startswith(b"maxmemory_policy:")
            ),
            "unknown",
        )
        if policy != "noeviction":
            raise StoreMisconfigured(
                f"Redis at {self.address} has maxmemory-policy {policy}: it may evict profiles. "
                "Set maxmemory-policy noeviction"
            )

    async def _answer(
        self, wire: Wire, commands: Sequence[Args], extra_s: float = 0.0
    ) -> list[object]:
        limit = self._options.timeout_s + extra_s
        try:
            async with asyncio.timeout(limit):
                return await wire.send(commands)
        except TimeoutError:
            why = f"Redis at {self.address} does not answer within {limit:g} s"
            wire.abort(why)
            raise StoreUnavailable(why) from None
