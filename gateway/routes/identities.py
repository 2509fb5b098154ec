"""Who belongs together: explained, linked and cut by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.responses import JSONResponse, Response

from afflux.identity import profile_id_of
from afflux.names import Identity
from gateway.access import Caller
from gateway.answers import json_body, problems
from gateway.bodies import read_json
from gateway.documents import IdentitiesDocument, ToldDocument
from gateway.lookups import Person
from gateway.problems import Fault, Problem
from gateway.routes.callers import Administering, Id, Namespace, context_of, identity_in_path
from profile_store.reader import identity_of

identities = APIRouter(tags=["identities"])


class Pair(BaseModel):
    """Two identities."""

    model_config = ConfigDict(extra="forbid", strict=True)

    one: Person
    other: Person


_BODY = json_body({"$ref": "#/components/schemas/Pair"})
_TOLD: dict[int | str, dict[str, Any]] = {
    202: {"model": ToldDocument, "description": "Both ends are told, in Kafka"},
    **problems(body=True),
}


@identities.get(
    "/v1/identities/{namespace}/{id:path}",
    response_model=None,
    responses={
        200: {"model": IdentitiesDocument, "description": "Every link, and who is left out"},
        **problems(404),
    },
)
async def get_identities(
    request: Request, caller: Administering, namespace: Namespace, id: Id
) -> Response:
    """Why a person is who they are: links with their events, what is left out and why, the bridge.

    404 where no link was ever seen.
    """
    context = context_of(request)
    who = identity_in_path(namespace, id)
    caller.must_see([namespace])
    found = await context.privacy.identities(namespace, id)
    context.audit.read(caller.key, [profile_id_of([who])], ["identities"])
    if not found["links"]:
        raise Problem(404, "no link of this identity is known")
    if not all(map(caller.may_see, _names(found))):
        raise Problem(403, "this person has identities that are not for this key")
    return JSONResponse(found, headers={"Cache-Control": "no-store"})


@identities.post(
    "/v1/identities/link", status_code=202, response_model=None, responses=_TOLD,
    openapi_extra=_BODY,
)  # fmt: skip
async def link(request: Request, caller: Administering) -> Response:
    """Say that two identities belong to one person."""
    return await _tell(request, caller, together=True)


@identities.post(
    "/v1/identities/unlink", status_code=202, response_model=None, responses=_TOLD,
    openapi_extra=_BODY,
)  # fmt: skip
async def unlink(request: Request, caller: Administering) -> Response:
    """Say that two identities do not belong together, until a later event says that they do."""
    return await _tell(request, caller, together=False)


async def _tell(request: Request, caller: Caller, *, together: bool) -> Response:
    context = context_of(request)
    one, other = _pair(await read_json(request, context.settings.max_body_bytes))
    caller.must_see(end.partition(b":")[0].decode() for end in (one, other))
    await context.privacy.link(one, other, together=together)
    context.audit.linked(caller.key, [profile_id_of([one]), profile_id_of([other])], together)
    return JSONResponse({"told": 2}, 202)


def _pair(body: Any) -> tuple[Identity, Identity]:
    try:
        pair = Pair.model_validate(body)
        one, other = (identity_of(end.namespace, end.id) for end in (pair.one, pair.other))
    except ValidationError as error:
        faults = [
            Fault(one["msg"], "".join(f"/{part}" for part in one["loc"]), one["type"])
            for one in error.errors(include_input=False, include_url=False, include_context=False)
        ]
        raise Problem(422, "the body does not fit", faults) from None
    except ValueError:
        raise Problem(422, "the body does not fit", [Fault("an id has 1 to 512 bytes")]) from None
    if one == other:
        raise Problem(422, "the body does not fit", [Fault("one identity twice")])
    return one, other


def _names(found: Mapping[str, Any]) -> list[str]:
    ends = [end for link in found["links"] for end in (link["one"], link["other"])]
    return [*found["identities"], *ends]
