"""The composition root of a gateway: settings in, an application with all that it needs out."""

from __future__ import annotations

import asyncio
import socket

from afflux.limits import DAY_MS
from afflux.validation import Rules
from gateway.key_file import KeyFile
from gateway.live import Live
from gateway.server import is_loopback, listen, serve
from gateway.settings import GatewaySettings
from launcher.chosen_models import chosen_models
from launcher.compose import key_path, redis_options
from launcher.errors import LauncherError
from launcher.settings import Settings
from models.recommending import RECOMMENDING
from models.scoring import scorer_of
from profile_store import AsyncProfileStore
from streams.settings import StreamSettings


def opened(settings: Settings) -> socket.socket:
    """The socket that the gateway listens on. Raises LauncherError where keys are missing."""
    host, port = settings.gateway.host, settings.gateway.port
    if not is_loopback(host) and not len(KeyFile(key_path(settings)).ring()):
        raise LauncherError(
            f"{host} can be reached from elsewhere, and there is no API key",
            hint="make one with `afflux keys create`, or listen on 127.0.0.1",
        )
    return listen(host, port)


async def run(
    settings: Settings, streams: StreamSettings, sock: socket.socket, stop: asyncio.Event
) -> None:
    """Answer until `stop`."""
    live = Live(
        gateway_settings(settings),
        KeyFile(key_path(settings)),
        AsyncProfileStore(redis_options(settings), scoring=scorer_of, recommending=RECOMMENDING),
        [model.spec for model in chosen_models(settings)],
        streams,
        open_without_keys=is_loopback(settings.gateway.host),
        secret=settings.secret.get_secret_value().encode(),
    )
    await serve(live.app, sock, stop, live.end_streams)


def gateway_settings(settings: Settings) -> GatewaySettings:
    """The limits of the gateway, and those of the workers behind it."""
    gateway, limits = settings.gateway, settings.limits
    return GatewaySettings(
        max_body_bytes=gateway.max_body_bytes,
        max_people=gateway.max_people,
        max_events=gateway.max_events,
        requests_per_s=gateway.requests_per_s,
        burst=gateway.burst,
        produce_timeout_s=gateway.produce_timeout_s,
        heartbeat_s=gateway.heartbeat_s,
        stream_s=gateway.stream_s,
        max_streams=gateway.max_streams,
        cached_profiles=gateway.cached_profiles,
        event_bytes=limits.max_bytes,
        rules=Rules(
            limits.max_identities,
            limits.skew_s * 1000,
            limits.horizon_days * DAY_MS,
            limits.placeholder_words,
        ),
    )
