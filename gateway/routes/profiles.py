"""Profiles: of one person, and of many."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from gateway.answers import json_body, problems
from gateway.bodies import read_json
from gateway.documents import PeopleDocument, ProfileDocument
from gateway.etags import etag, marks_of
from gateway.lookups import FIELD, LAST_MS, NAMESPACE, parse_lookup
from gateway.problems import Fault, Problem
from gateway.profile_reading import Wanted
from gateway.routes.callers import Querying, context_of
from profile_store.reader import identity_of

_FIELDS = rf"^{FIELD}(?:,{FIELD}){{0,31}}$"

Namespace = Annotated[str, Path(pattern=NAMESPACE, description="Such as email or ECID.")]
Id = Annotated[str, Path(min_length=1, description="The identifier; slashes as %2F.")]
Fields = Annotated[
    str | None,
    Query(pattern=_FIELDS, description="Comma-separated, such as scores.churn,attributes."),
]
At = Annotated[
    int | None,
    Query(ge=0, le=LAST_MS, description="Time of the features, ms; without it: of the last event."),
]


profiles = APIRouter(tags=["profiles"])

_PRIVATE = {"Cache-Control": "private, no-cache", "Vary": "Authorization"}
_ETAG = {"ETag": {"schema": {"type": "string"}, "description": "For If-None-Match."}}


@profiles.get(
    "/v1/profiles/{namespace}/{id:path}",
    response_model=None,
    responses={
        200: {"model": ProfileDocument, "headers": _ETAG, "description": "The profile"},
        304: {"description": "It is the one that If-None-Match names", "headers": _ETAG},
        **problems(404),
    },
    openapi_extra={
        "parameters": [
            {
                "name": "If-None-Match",
                "in": "header",
                "required": False,
                "schema": {"type": "string"},
                "description": "ETags that are at hand",
            }
        ]
    },
)
async def get_profile(
    request: Request,
    caller: Querying,
    namespace: Namespace,
    id: Id,
    fields: Fields = None,
    at: At = None,
) -> Response:
    """The profile of a person, by any of their identities."""
    caller.must_see([namespace])
    if not _can_be(namespace, id):
        raise Problem(404, "nothing is known of this identity")
    context = context_of(request)
    wanted = Wanted(tuple(fields.split(",")) if fields else None, at)
    marks = marks_of(request.headers.get("if-none-match"))
    answer, same = await context.profiles.one(caller, namespace, id, wanted, marks)
    context.audit.read(caller.key, [answer.profile_id], wanted.fields)
    if answer.body is None:
        raise Problem(404, "nothing is known of this identity")
    headers = {"ETag": etag(answer.mark), **_PRIVATE}
    if same or "*" in marks:
        return Response(None, 304, headers)
    return Response(answer.body, 200, headers, "application/json")


@profiles.post(
    "/v1/profiles/lookup",
    response_model=None,
    responses={
        200: {"model": PeopleDocument, "description": "Profiles, in the order of the people"},
        **problems(body=True),
    },
    openapi_extra=json_body({"$ref": "#/components/schemas/Lookup"}),
)
async def look_up(request: Request, caller: Querying) -> Response:
    """Profiles of many people at once; identities stay out of the URL."""
    context = context_of(request)
    lookup = parse_lookup(await read_json(request, context.settings.max_body_bytes))
    most = context.settings.max_people
    if len(lookup.people) > most:
        why = f"{len(lookup.people)} people, at most {most} are looked up at once"
        raise Problem(422, why, [Fault(why, "/people", "count")])
    caller.must_see(person.namespace for person in lookup.people)
    faults = [
        Fault("an id has 1 to 512 bytes", f"/people/{i}/id", "invalid_identity")
        for i, person in enumerate(lookup.people)
        if not _can_be(person.namespace, person.id)
    ]
    if faults:
        raise Problem(422, "not all of these can be identities", faults)
    wanted = Wanted(None if lookup.fields is None else tuple(lookup.fields), lookup.at)
    people = [(person.namespace, person.id) for person in lookup.people]
    answers = await context.profiles.many(caller, people, wanted)
    context.audit.read(caller.key, [answer.profile_id for answer in answers], wanted.fields)
    body = b",".join(answer.body or b"null" for answer in answers)
    return Response(b'{"profiles":[' + body + b"]}", 200, _PRIVATE, "application/json")


def _can_be(namespace: str, id: str) -> bool:
    try:
        identity_of(namespace, id)
    except ValueError:  # too long, or half of a surrogate pair
        return False
    return True
