"""Audience clusters."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from gateway.answers import problems
from gateway.insight_documents import ClustersDocument
from gateway.routes.callers import Querying, context_of

clusters = APIRouter(tags=["models"])

_ALL: dict[int | str, dict[str, Any]] = {
    200: {"model": ClustersDocument, "description": "All clusters"},
    **problems(),
}


@clusters.get("/v1/clusters", response_model=None, responses=_ALL)
async def get_clusters(request: Request, caller: Querying) -> Response:
    """Every audience cluster: its id, what its people have in common, about how many they are."""
    return JSONResponse(await context_of(request).clusters.all())
