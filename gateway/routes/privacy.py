"""What is kept of a person, that it goes, and whether they may be scored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import JSONResponse, Response

from afflux.identity import profile_id_of
from afflux.names import Identity
from gateway.access import Caller
from gateway.answers import json_body, problems
from gateway.bodies import read_json
from gateway.documents import AskedDocument, DossierDocument, ReceiptDocument
from gateway.problems import Fault, Problem
from gateway.routes.callers import ForPrivacy, Id, Namespace, context_of, identity_in_path
from streams.privacy.desk import Allowed
from streams.privacy.receipts import ReceiptError

privacy = APIRouter(tags=["privacy"])

_PRIVATE = {"Cache-Control": "no-store"}


@privacy.get(
    "/v1/privacy/receipts/{receipt}",
    response_model=None,
    responses={
        200: {"model": ReceiptDocument, "description": "How far it is, and what was done where"},
        **problems(404),
    },
)
async def get_receipt(
    request: Request,
    caller: ForPrivacy,
    receipt: Annotated[str, Path(min_length=1, description="As DELETE answered it.")],
) -> Response:
    """How far a delete is: store, topics with the time when Kafka has dropped all, models."""
    try:
        found = await context_of(request).privacy.receipt(receipt)
    except ReceiptError:
        raise Problem(404, "there is no such receipt") from None
    return JSONResponse(found, headers=_PRIVATE)


@privacy.get(
    "/v1/privacy/{namespace}/{id:path}",
    response_model=None,
    responses={
        200: {"model": DossierDocument, "description": "All that is kept of the whole person"},
        **problems(404),
    },
)
async def export(request: Request, caller: ForPrivacy, namespace: Namespace, id: Id) -> Response:
    """Everything that is kept of a person, of all identities, found by any one of them.

    After a delete: the tombstone.
    """
    context = context_of(request)
    who = identity_in_path(namespace, id)
    caller.must_see([namespace])
    found = await context.privacy.export(namespace, id, _all_of(caller))
    context.audit.exported(caller.key, profile_id_of([who]))
    if found is None:
        raise Problem(404, "nothing is known of this identity")
    return JSONResponse(found, headers=_PRIVATE)


@privacy.delete(
    "/v1/privacy/{namespace}/{id:path}",
    status_code=202,
    response_model=None,
    responses={
        202: {"model": AskedDocument, "description": "The request is in Kafka"},
        **problems(404),  # a line break in the path
    },
)
async def delete(request: Request, caller: ForPrivacy, namespace: Namespace, id: Id) -> Response:
    """Forget a person with all identities. The receipt says when it is done.

    Also where nothing is known: events that are on their way are not folded.
    """
    context = context_of(request)
    identity_in_path(namespace, id)
    caller.must_see([namespace])
    receipt, profile = await context.privacy.delete(namespace, id, _all_of(caller))
    context.profiles.forget()
    context.audit.deleted(caller.key, profile, receipt)
    return JSONResponse({"receipt": receipt}, 202, _PRIVATE)


@privacy.put(
    "/v1/consent/{namespace}/{id:path}",
    status_code=202,
    response_model=None,
    responses={
        202: {"model": AskedDocument, "description": "The request is in Kafka"},
        **problems(404, body=True),  # a line break in the path
    },
    openapi_extra=json_body(
        {
            "type": "object",
            "properties": {"scoring": {"type": "boolean"}},
            "required": ["scoring"],
            "additionalProperties": False,
        }
    ),
)
async def put_consent(
    request: Request, caller: ForPrivacy, namespace: Namespace, id: Id
) -> Response:
    """Whether a person may be scored; of several words the last one counts.

    Without consent the scores go at once, events are still folded, and the profile says so.
    """
    context = context_of(request)
    identity_in_path(namespace, id)
    body = await read_json(request, context.settings.max_body_bytes)
    if not isinstance(body, dict) or set(body) != {"scoring"}:
        raise Problem(422, "the body does not fit", [Fault("an object with scoring alone", "")])
    if not isinstance(body["scoring"], bool):
        raise Problem(422, "the body does not fit", [Fault("true or false", "/scoring")])
    caller.must_see([namespace])
    receipt, profile = await context.privacy.consent(
        namespace, id, scoring=body["scoring"], allowed=_all_of(caller)
    )
    context.audit.consented(caller.key, profile, body["scoring"])
    return JSONResponse({"receipt": receipt}, 202, _PRIVATE)


def _all_of(caller: Caller) -> Allowed:
    def allowed(identities: Sequence[Identity]) -> None:
        if not all(map(caller.may_see, identities)):
            raise Problem(403, "this person has identities that are not for this key")

    return allowed
