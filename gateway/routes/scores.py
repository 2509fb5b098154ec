"""Scores as they change: server-sent events."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from pydantic import StringConstraints
from starlette.responses import Response, StreamingResponse

from gateway.answers import problems
from gateway.cursors import Cursor
from gateway.problems import Fault, Problem
from gateway.routes.callers import Querying, context_of
from gateway.subscriptions import Choice

scores = APIRouter(tags=["scores"])

_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_CURSOR = r"^[0-9a-f]{8}(\.[0-9]{1,18})+$"
_PROFILE = r"^[A-Za-z][A-Za-z0-9_.-]{0,63}:.+$"

ModelParameter = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,63}$")]


@scores.get(
    "/v1/scores/stream",
    response_model=None,
    response_class=StreamingResponse,
    responses={
        200: {
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
            "description": "Events named `score`: the id is the place, the data a ScoreUpdate; "
            "with `change` profile-merged or profile-split where its identities are others",
        },
        **problems(409),
    },
)
async def stream_scores(
    request: Request,
    caller: Querying,
    profile: Annotated[
        str | None, Query(pattern=_PROFILE, description="Only this person: any identity.")
    ] = None,
    model: Annotated[
        list[ModelParameter], Query(description="Only these models; all where none is named.")
    ] = [],  # noqa: B006 (never changed: FastAPI copies it)
    from_start: Annotated[
        bool, Query(description="Begin with what the topic still has, where there is no id.")
    ] = False,
    last_event_id: Annotated[
        str | None, Header(pattern=_CURSOR, description="Go on after this event.")
    ] = None,
) -> Response:
    """Score updates from now on, or after `Last-Event-ID`; redelivered and older ones are dropped.

    409: the id is of a log that is no longer there. Start without one, and read profiles anew.
    """
    context = context_of(request)
    if profile is not None:
        caller.must_see([profile.partition(":")[0]])
    last = None if last_event_id is None else Cursor.parse(last_event_id)
    if last_event_id is not None and last is None:
        fault = Fault("not an id of this stream", parameter="Last-Event-ID")
        raise Problem(422, "parameters do not fit", [fault])
    choice = Choice(profile, frozenset(model))
    stream = context.subscriptions.open(caller, choice, last, from_start)
    context.audit.subscribed(caller.key, profile is None, not choice.models)
    return StreamingResponse(stream, 200, _HEADERS, "text/event-stream")
