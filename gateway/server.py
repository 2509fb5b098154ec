"""Serves an application until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Callable, Iterator

import uvicorn

from afflux.names import AffluxError
from gateway.containment import Contained

_BACKLOG = 2048
_KEEP_ALIVE_S = 60
_GRACE_S = 5


class CannotListen(AffluxError):
    """The address is taken, or not ours."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address.

    >>> [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "api")]
    [True, True, True, False, False]
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 is a free one. Raises CannotListen."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise CannotListen(f"cannot listen on {host}:{port}: {error.strerror}") from None


async def serve(
    app: Callable[..., object],
    opened: socket.socket,
    stop: asyncio.Event,
    ending: Callable[[], None],
) -> None:
    """Answer requests until `stop`. ending: called then, ends what would go on for ever."""
    config = uvicorn.Config(
        Contained(app),  # type: ignore[arg-type]
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,  # paths name people
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_GRACE_S,
    )
    server = _Server(config)

    async def end() -> None:
        await stop.wait()
        ending()
        server.should_exit = True

    waiting = asyncio.create_task(end())
    try:
        await server.serve([opened])
    finally:
        waiting.cancel()


class _Server(uvicorn.Server):
    """Signals are the business of whoever started it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them alone."""
        yield
