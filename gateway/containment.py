"""The outermost wall: an error that nobody expected is logged by its place, never by its text.

A message may hold what somebody sent, such as a KeyError does; a server's own log would show it.
"""

from __future__ import annotations

import logging
import traceback

from starlette.types import ASGIApp, Receive, Scope, Send

log = logging.getLogger("afflux.gateway")


class Contained:
    """An ASGI application that raises nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run it. The answer, a 500, was sent before the error comes here."""
        try:
            await self._app(scope, receive, send)
        except Exception as error:
            log.error("unexpected %s at %s", type(error).__name__, place_of(error))


def place_of(error: Exception) -> str:
    """Where it was raised, the innermost frame first; nothing of what it says."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    return " < ".join(f"{f.filename.rpartition('/')[2]}:{f.lineno}" for f in reversed(frames))
