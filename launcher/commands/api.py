"""`afflux api`: profiles, events and score updates over HTTP."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from launcher.commands.worker import on_signals
from launcher.compose import stream_settings
from launcher.connect import connected
from launcher.console import say
from launcher.settings import Settings

if TYPE_CHECKING:
    from socket import socket

    from streams.settings import StreamSettings


def api(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on [AFFLUX_GATEWAY_HOST].")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, help="Port; 0: a free one [AFFLUX_GATEWAY_PORT].")
    ] = None,
) -> None:
    """Serve the HTTP API until SIGTERM or Ctrl-C; /openapi.json describes it.

    Only this machine reaches it unless --host says so, and then only with API keys: see
    `afflux keys`. Reads of personal data are logged, see AFFLUX_GATEWAY_AUDIT_LOG.
    """
    settings = connected()
    given = {name: v for name, v in (("host", host), ("port", port)) if v is not None}
    settings = settings.model_copy(update={"gateway": settings.gateway.model_copy(update=given)})
    streams = stream_settings(settings, client_id="afflux-gateway")
    _log(settings.gateway.log_level, settings.gateway.audit_log)
    from launcher.gateway_parts import opened

    with opened(settings) as sock:
        address = sock.getsockname()
        say(f"listening on http://{_shown(address[0])}:{address[1]}")
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(settings, streams, sock))


async def _serve(settings: Settings, streams: StreamSettings, sock: socket) -> None:
    from launcher.gateway_parts import run

    stop = asyncio.Event()
    on_signals(stop)
    gc.collect()
    gc.freeze()  # what was imported stays: looking through it again and again is of no use
    await run(settings, streams, sock, stop)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # not on Windows
        return None
    return uvloop.new_event_loop


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _log(level: str, audit_log: Path | None) -> None:
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s"
    )
    logging.getLogger("afflux").setLevel(level.upper())
    audit = logging.getLogger("afflux.audit")
    audit.setLevel(logging.INFO)
    audit.propagate = False
    handler = logging.FileHandler(audit_log) if audit_log else logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    audit.addHandler(handler)
