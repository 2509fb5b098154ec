"""What somebody may want next."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse, Response

from gateway.answers import problems
from gateway.insight_documents import RecommendationsDocument
from gateway.routes.callers import Id, Namespace, Querying, context_of, identity_in_path

recommendations = APIRouter(tags=["profiles"])

_PRIVATE = {"Cache-Control": "private, no-cache", "Vary": "Authorization"}
_LISTS: dict[int | str, dict[str, Any]] = {
    200: {"model": RecommendationsDocument, "description": "Lists, best first"},
    **problems(404),
}


@recommendations.get(
    "/v1/recommendations/{namespace}/{id:path}", response_model=None, responses=_LISTS
)
async def get_recommendations(
    request: Request,
    caller: Querying,
    namespace: Namespace,
    id: Id,
    count: Annotated[int, Query(ge=1, le=50)] = 10,
) -> Response:
    """Categories and products of the next basket; what is popular for somebody who is not known."""
    context = context_of(request)
    identity_in_path(namespace, id)
    caller.must_see([namespace])
    found = await context.recommendations.of(namespace, id, count)
    context.audit.read(caller.key, [found.profile_id], ["recommendations"])
    return JSONResponse(found.to_dict(), headers=_PRIVATE)
