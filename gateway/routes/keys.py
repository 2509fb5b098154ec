"""Which keys there are."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from gateway.answers import problems
from gateway.documents import KeysDocument
from gateway.routes.callers import Administering, context_of

keys = APIRouter(tags=["keys"])


@keys.get(
    "/v1/keys",
    response_model=None,
    responses={200: {"model": KeysDocument, "description": "All keys"}, **problems()},
)
async def get_keys(request: Request, caller: Administering) -> Response:
    """All keys, by what they may do; no secret is ever shown."""
    found = [
        {
            "id": key.id,
            "name": key.name,
            "scopes": sorted(key.scopes),
            "namespaces": sorted(key.namespaces),
            "created": key.created,
        }
        for key in context_of(request).keys.ring().keys
    ]
    return JSONResponse({"keys": found})
