"""Models and how good they are."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.responses import JSONResponse, Response

from gateway.answers import problems
from gateway.documents import ModelDocument, ModelsDocument
from gateway.problems import Problem
from gateway.routes.callers import Querying, context_of

quality = APIRouter(tags=["models"])

_ALL: dict[int | str, dict[str, Any]] = {
    200: {"model": ModelsDocument, "description": "All models"},
    **problems(),
}
_ONE: dict[int | str, dict[str, Any]] = {
    200: {"model": ModelDocument, "description": "The model"},
    **problems(404),
}


@quality.get("/v1/models", response_model=None, responses=_ALL)
async def get_models(request: Request, caller: Querying) -> Response:
    """Every model, with the quality of what it served, as its last snapshot has it."""
    return JSONResponse({"models": await context_of(request).models.all()})


@quality.get("/v1/models/{name}", response_model=None, responses=_ONE)
async def get_model(
    request: Request, caller: Querying, name: Annotated[str, Path(min_length=1)]
) -> Response:
    """One model."""
    found = await context_of(request).models.one(name)
    if found is None:
        raise Problem(404, "there is no such model")
    return JSONResponse(found)
