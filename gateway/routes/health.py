"""For load balancers: open to everybody, and says nothing of anybody."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from gateway.documents import HealthDocument, LiveDocument
from gateway.routes.callers import context_of

health = APIRouter(tags=["health"])


@health.get(
    "/health/live",
    response_model=None,
    responses={200: {"model": LiveDocument, "description": "The process answers"}},
)
async def get_live(request: Request) -> Response:
    """Whether the process answers at all."""
    return JSONResponse({"live": True})


@health.get(
    "/health/ready",
    response_model=None,
    responses={
        200: {"model": HealthDocument, "description": "Profiles can be read"},
        503: {"model": HealthDocument, "description": "They cannot"},
    },
)
async def get_ready(request: Request) -> Response:
    """Whether profiles can be read now."""
    parts = await context_of(request).health.parts()
    return JSONResponse(parts, 200 if parts["profiles"] else 503)
