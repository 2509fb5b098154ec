"""Events in, for producers without a Kafka client."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from gateway.answers import json_body, problems
from gateway.bodies import read_json
from gateway.documents import AcceptedDocument
from gateway.routes.callers import Ingesting, context_of

events = APIRouter(tags=["events"])

_EVENT = {"$ref": "#/components/schemas/ExperienceEvent"}


@events.post(
    "/v1/events",
    status_code=202,
    response_model=None,
    responses={
        202: {"model": AcceptedDocument, "description": "All of them are in Kafka"},
        **problems(409, body=True),
    },
    openapi_extra=json_body({"anyOf": [_EVENT, {"type": "array", "items": _EVENT, "minItems": 1}]}),
)
async def post_events(request: Request, caller: Ingesting) -> Response:
    """Take an event, or a list of events: all of them, or none and every fault with its pointer.

    202 means that they are acknowledged by all replicas. Where the answer is lost or 503 the same
    request may be sent again: an `_id` that was seen is folded once.
    """
    context = context_of(request)
    body = await read_json(request, context.settings.max_body_bytes)
    return JSONResponse({"accepted": await context.ingest.take(caller, body)}, 202)
