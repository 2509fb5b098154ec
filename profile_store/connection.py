"""Connections of redis-py: their settings, and what a writer checks on each new one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import hiredis
from redis.asyncio import Connection, SSLConnection
from redis.connection import HiredisRespSerializer

from profile_store.commands import Args
from profile_store.errors import StoreMisconfigured
from profile_store.options import RedisOptions

CONNECTIONS = 8
"""Connections of a store to a server at most; further callers wait for one."""

_pack = cast("Callable[[tuple[bytes | str | int, ...]], bytes]", hiredis.pack_command)


class _Packing:
    """Packs with hiredis, as redis-py's synchronous client does: its asyncio one uses Python."""

    _serializer = HiredisRespSerializer()

    def pack_command(self, *args: Any) -> list[bytes]:
        packed: list[bytes] = self._serializer.pack(*args)
        return packed

    def pack_commands(self, commands: Iterable[Iterable[Any]]) -> list[bytes]:
        # Ours have names of one word, and bytes: nothing that the serializer would convert.
        return [_pack(tuple(args)) for args in commands]


class PlainConnection(_Packing, Connection):
    """TCP."""


class TlsConnection(_Packing, SSLConnection):
    """TLS over TCP."""


def login_settings(options: RedisOptions) -> dict[str, Any]:
    """Keyword arguments of one server's connections and of a cluster client alike.

    There is no time limit for each reply: `answered` has one for all of a call.
    """
    address = options.address()
    return {
        "host": address.host,
        "port": address.port,
        "username": address.username or None,
        "password": address.password or None,
        "protocol": 2,
        "socket_timeout": None,
        "socket_connect_timeout": options.timeout_s,
    }


def tls_settings(options: RedisOptions) -> dict[str, Any]:
    """Keyword arguments for TLS."""
    return {
        "ssl_ca_certs": options.ssl_ca or None,
        "ssl_certfile": options.ssl_certificate or None,
        "ssl_keyfile": options.ssl_key or None,
        "ssl_check_hostname": options.ssl_check_hostname,
    }


class Greeting:
    """What is sent on every new connection after the login.

    writes: refuse a server that may evict keys.
    """

    def __init__(self, commands: Sequence[Args], *, writes: bool) -> None:
        self._commands = [*commands, ("INFO", "memory")] if writes else list(commands)
        self._writes = writes

    async def greet(self, connection: Connection) -> None:
        """redis-py's `redis_connect_func`. Raises StoreMisconfigured or what redis-py raises."""
        try:
            await connection.on_connect()
            await connection.send_packed_command(connection.pack_commands(self._commands))
            replies = [await connection.read_response() for _ in self._commands]
            if self._writes:
                _refuse_eviction(replies[-1], f"{connection.host}:{connection.port}")
        except BaseException:
            # redis-py would keep the connection, unchecked, unless the error is one of its own.
            await connection.disconnect(nowait=True)
            raise


def _refuse_eviction(info: bytes, server: str) -> None:
    policy = next(
        (
            line.partition(b":")[2].decode()
            for line in info.splitlines()
            if line.startswith(b"maxmemory_policy:")
        ),
        "unknown",
    )
    if policy != "noeviction":
        raise StoreMisconfigured(
            f"Redis at {server} has maxmemory-policy {policy}: it may evict profiles. "
            "Set maxmemory-policy noeviction"
        )
