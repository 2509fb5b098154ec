"""The ASGI application of a context."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from fastapi import FastAPI

from gateway.context import Context
from gateway.openapi_page import describe
from gateway.problem_handlers import answer_with_problems
from gateway.profiles_first import ProfilesFirst
from gateway.routes import ROUTERS

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_app(context: Context, lifespan: Lifespan | None = None) -> FastAPI:
    """All routes. lifespan: entered before the first request, left after the last."""
    app = FastAPI(
        title="Afflux",
        summary="Live customer profiles from event streams.",
        version="1",
        docs_url=None,  # it would load scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
    )
    app.state.context = context
    answer_with_problems(app)
    app.add_middleware(ProfilesFirst)
    for router in ROUTERS:
        app.include_router(router)
    describe(app)
    return app
