"""People who are like a person."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse, Response

from afflux.identity import profile_id_of
from gateway.answers import problems
from gateway.insight_documents import SimilarDocument
from gateway.problems import Problem
from gateway.routes.callers import Id, Namespace, Querying, context_of, identity_in_path
from gateway.routes.profiles import get_profile
from profile_store.similar import MOST

similar = APIRouter(tags=["profiles"])

_PRIVATE = {"Cache-Control": "private, no-cache", "Vary": "Authorization"}
_ENDS = b"/similar"


@similar.get(
    "/v1/profiles/{namespace}/{id:path}/similar",
    response_model=None,
    responses={
        200: {"model": SimilarDocument, "description": "The most alike, the most similar first"},
        **problems(404),
    },
)
async def get_similar(
    request: Request,
    caller: Querying,
    namespace: Namespace,
    id: Id,
    by: Annotated[
        Literal["interests", "cluster"] | None,
        Query(description="What is compared; without it interests where there are any."),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MOST, description="At most so many.")] = 10,
) -> Response:
    """Who is most like a person, among a sample of 2,000 identities: not among everybody.

    `interests`: by the cosine of what they are interested in, kind by kind. `cluster`: members of
    the same audience cluster, by how near their habits are. Deleted people and those who may not be
    scored are never named. A key of some namespaces is shown no others.
    """
    if not request.scope.get("raw_path", _ENDS).endswith(_ENDS):
        # It is the profile of an id that ends so: its slash was written as %2F.
        request.scope["path_params"]["id"] = f"{id}/similar"
        return await get_profile(request)
    context = context_of(request)
    who = identity_in_path(namespace, id)
    caller.must_see([namespace])
    found = await context.profiles.similar(caller, namespace, id, limit, by)
    named = [] if found is None else [one.profile_id for one in found.people]
    context.audit.read(caller.key, [profile_id_of([who]), *named], ["affinities", "cluster"])
    if found is None:
        raise Problem(404, "nothing is known of this identity")
    return JSONResponse(found.to_dict(), headers=_PRIVATE)
