"""Profiles: of one person, and of many."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from gateway.access import KEY
from gateway.answers import json_body, problems
from gateway.bodies import read_json
from gateway.documents import PeopleDocument, ProfileDocument
from gateway.etags import etag, marks_of
from gateway.keys import Scope
from gateway.lookups import parse_lookup
from gateway.problems import Fault, Problem
from gateway.profile_question import PARAMETERS, profile_question
from gateway.profile_reading import Wanted
from gateway.routes.callers import Querying, context_of
from profile_store.reader import identity_of

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
    openapi_extra={"parameters": PARAMETERS, "security": [{KEY.scheme_name: [Scope.query]}]},
)
async def get_profile(request: Request) -> Response:
    """The profile of a person, by any of their identities."""
    # By far the most frequent request: FastAPI's parameters and dependencies would cost it twice.
    caller = KEY.admit(request, (Scope.query,))
    namespace, id, wanted = profile_question(request)
    caller.must_see([namespace])
    if not _can_be(namespace, id):
        raise Problem(404, "nothing is known of this identity")
    context = context_of(request)
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
    fields = None if lookup.fields is None else tuple(lookup.fields)
    wanted = Wanted(fields, lookup.at, lookup.fresh, lookup.merge_policy)
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
