"""What happened to a person, event by event."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse, Response

from afflux.identity import profile_id_of
from gateway.answers import problems
from gateway.insight_documents import TimelineDocument
from gateway.lookups import LAST_MS
from gateway.problems import Fault, Problem
from gateway.profile_reading import Page
from gateway.routes.callers import Id, Namespace, Querying, context_of, identity_in_path
from gateway.routes.profiles import get_profile
from profile_store.timelines import CursorError

timelines = APIRouter(tags=["profiles"])

_PRIVATE = {"Cache-Control": "private, no-cache", "Vary": "Authorization"}
_ENDS = b"/timeline"


@timelines.get(
    "/v1/profiles/{namespace}/{id:path}/timeline",
    response_model=None,
    responses={
        200: {"model": TimelineDocument, "description": "A page of events"},
        **problems(404),
    },
)
async def get_timeline(
    request: Request,
    caller: Querying,
    namespace: Namespace,
    id: Id,
    since: Annotated[
        int | None, Query(alias="from", ge=0, le=LAST_MS, description="Event time, ms, inclusive.")
    ] = None,
    until: Annotated[
        int | None, Query(alias="to", ge=0, le=LAST_MS, description="Event time, ms, exclusive.")
    ] = None,
    types: Annotated[
        list[str], Query(alias="type", max_length=32, description="Only events of these types.")
    ] = [],  # noqa: B006
    limit: Annotated[int, Query(ge=1, le=1_000, description="At most so many.")] = 100,
    cursor: Annotated[
        str | None, Query(pattern=r"^[A-Za-z0-9_-]{1,100}$", description="`next` of a page.")
    ] = None,
    newest_first: Annotated[bool, Query(description="The other order.")] = False,
) -> Response:
    """The last events of a person, of all their identities, in the order of event time.

    So many as workers keep. A key of some namespaces is not told whose event it is, where the
    identity is not theirs.
    """
    if not request.scope.get("raw_path", _ENDS).endswith(_ENDS):
        # It is the profile of an id that ends so: its slash was written as %2F.
        request.scope["path_params"]["id"] = f"{id}/timeline"
        return await get_profile(request)
    context = context_of(request)
    who = identity_in_path(namespace, id)
    caller.must_see([namespace])
    wanted = Page(since, until, types, limit, cursor, newest_first)
    try:
        found = await context.profiles.timeline(caller, namespace, id, wanted)
    except CursorError as error:
        why = str(error)
        raise Problem(422, "parameters do not fit", [Fault(why, parameter="cursor")]) from None
    profile = profile_id_of([who]) if found is None else found["profile_id"]
    context.audit.read(caller.key, [profile], ["timeline"])
    if found is None:
        raise Problem(404, "nothing is known of this identity")
    return JSONResponse(found, headers=_PRIVATE)
