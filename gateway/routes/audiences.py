"""Audiences: what they are, who is in them, and what a rule would do."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import JSONResponse, Response

from afflux.audiences.refusal import RuleError
from gateway.answers import json_body, problems
from gateway.audience_bodies import Draft, Saved, parse
from gateway.audience_desk import CursorError
from gateway.bodies import read_json
from gateway.documents import (
    AudienceDocument,
    AudiencesDocument,
    AudienceVersionDocument,
    MembersDocument,
    OverlapDocument,
    PreviewDocument,
)
from gateway.problems import Fault, Problem
from gateway.routes.callers import Administering, Querying, context_of
from profile_store.audience_definitions import DefinitionError

audiences = APIRouter(tags=["audiences"])

_PRIVATE = {"Cache-Control": "private, no-cache", "Vary": "Authorization"}
_NAME = r"^[A-Za-z_][A-Za-z0-9_]{0,63}$"
_NONE = "there is no such audience"

Name = Annotated[str, Path(pattern=_NAME)]


def _answers(model: type[Any], what: str, *more: int, body: bool = False) -> dict[Any, Any]:
    return {200: {"model": model, "description": what}, **problems(*more, body=body)}


def _body(schema: str) -> dict[str, Any]:
    return json_body({"$ref": f"#/components/schemas/{schema}"})


@audiences.get(
    "/v1/audiences", response_model=None, responses=_answers(AudiencesDocument, "All audiences")
)
async def get_audiences(request: Request, caller: Querying) -> Response:
    """Every audience, with its rule and how many identities are in it."""
    return JSONResponse(await context_of(request).audiences.all())


@audiences.post(
    "/v1/audiences/preview",
    response_model=None,
    responses=_answers(PreviewDocument, "What the rule would do", body=True),
    openapi_extra=_body("Draft"),
)
async def post_preview(request: Request, caller: Administering) -> Response:
    """What a rule would do with people as they are now; nothing is saved."""
    context = context_of(request)
    draft = parse(Draft, await read_json(request, context.settings.max_body_bytes))
    try:
        found = await context.audiences.preview(draft.rule, draft.attributes, draft.people)
    except (RuleError, DefinitionError) as error:
        raise _refused(error) from None
    found["examples"] = [i for i in found["examples"] if caller.may_see(i)]
    context.audit.listed(caller.key, len(found["examples"]))
    return JSONResponse(found, headers=_PRIVATE)


@audiences.get(
    "/v1/audiences/{name}",
    response_model=None,
    responses=_answers(AudienceDocument, "The audience", 404),
)
async def get_audience(request: Request, caller: Querying, name: Name) -> Response:
    """One audience, and how far it was asked of those who were known before it was saved."""
    found = await context_of(request).audiences.one(name)
    if found is None:
        raise Problem(404, _NONE)
    return JSONResponse(found)


@audiences.put(
    "/v1/audiences/{name}",
    response_model=None,
    responses=_answers(AudienceVersionDocument, "It is saved", body=True),
    openapi_extra=_body("Saved"),
)
async def put_audience(request: Request, caller: Administering, name: Name) -> Response:
    """Save a rule, new or changed. 422 says where it is outside of what is possible."""
    context = context_of(request)
    saved = parse(Saved, await read_json(request, context.settings.max_body_bytes))
    now = round(time.time() * 1000)
    try:
        made = await context.audiences.save(name, saved.rule, saved.attributes, now)
    except (RuleError, DefinitionError) as error:
        raise _refused(error) from None
    return JSONResponse({"name": name, "version": made.version})


@audiences.delete(
    "/v1/audiences/{name}",
    response_model=None,
    responses=_answers(AudienceVersionDocument, "It is deleted", 404, 409),
)
async def delete_audience(request: Request, caller: Administering, name: Name) -> Response:
    """Delete an audience. 409: another one names it."""
    try:
        left = await context_of(request).audiences.delete(name)
    except DefinitionError:
        raise Problem(404, _NONE) from None
    except RuleError as error:
        raise Problem(409, f"another audience names it: {error}") from None
    return JSONResponse({"name": name, "version": left.version})


@audiences.get(
    "/v1/audiences/{name}/members",
    response_model=None,
    responses=_answers(MembersDocument, "A page of members", 404),
)
async def get_members(
    request: Request,
    caller: Querying,
    name: Name,
    limit: Annotated[int, Query(ge=1, le=1_000, description="At most so many.")] = 100,
    cursor: Annotated[
        str | None, Query(pattern=r"^[A-Za-z0-9_-]{1,2000}$", description="`next` of a page.")
    ] = None,
) -> Response:
    """Identities that are in an audience, in a fixed order; `next` is null on the last page.

    A key of some namespaces is shown no others, so a page may have fewer than the limit.
    """
    context = context_of(request)
    try:
        page = await context.audiences.members(name, limit, cursor)
    except CursorError as error:
        why = str(error)
        raise Problem(422, "parameters do not fit", [Fault(why, parameter="cursor")]) from None
    if page is None:
        raise Problem(404, _NONE)
    shown = [i.decode("utf-8", "backslashreplace") for i in page.members if caller.may_see(i)]
    context.audit.listed(caller.key, len(shown))
    return JSONResponse({"members": shown, "next": page.next}, headers=_PRIVATE)


@audiences.get(
    "/v1/audiences/{name}/overlap/{other}",
    response_model=None,
    responses=_answers(OverlapDocument, "How many are in both", 404),
)
async def get_overlap(
    request: Request, caller: Querying, name: Name, other: Annotated[str, Path(pattern=_NAME)]
) -> Response:
    """How many identities are in both of two audiences."""
    both = await context_of(request).audiences.overlap(name, other)
    if both is None:
        raise Problem(404, _NONE)
    return JSONResponse({"audiences": [name, other], "members": both})


def _refused(error: RuleError | DefinitionError) -> Problem:
    if isinstance(error, RuleError):
        return Problem(422, "the rule is refused", [Fault(str(error), "/rule", "rule")])
    return Problem(422, "the body does not fit", [Fault(str(error), "", "definition")])
