"""Forecasts of events and revenue a day."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse, Response

from gateway.answers import problems
from gateway.insight_documents import ForecastsDocument
from gateway.routes.callers import Querying, context_of

forecasts = APIRouter(tags=["models"])

_ALL: dict[int | str, dict[str, Any]] = {
    200: {"model": ForecastsDocument, "description": "All series, or those of a segment"},
    **problems(),
}


@forecasts.get("/v1/forecasts", response_model=None, responses=_ALL)
async def get_forecasts(
    request: Request,
    caller: Querying,
    segment: Annotated[str | None, Query(max_length=100)] = None,
) -> Response:
    """Events and revenue of the next seven days by segment, with intervals of 90 % and alarms."""
    return JSONResponse(await context_of(request).forecasts.all(segment))
