"""Requests and answers as values, the same for both clients."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from gateway.client.errors import ApiError, Refused, Unavailable
from gateway.client.event_stream import EventStream

Parameters = dict[str, str | list[str]]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request."""

    method: str
    path: str
    parameters: Parameters | None = None
    body: bytes | None = None


def headers(key: str | None) -> dict[str, str]:
    """Headers of every request."""
    return {"Authorization": f"Bearer {key}"} if key else {}


def profile(
    namespace: str, id: str, fields: Iterable[str] | None, at: int | None, fresh: bool
) -> Asked:
    """One profile."""
    parameters: Parameters = {}
    if fields is not None:
        parameters["fields"] = ",".join(fields)
    if at is not None:
        parameters["at"] = str(at)
    if fresh:
        parameters["fresh"] = "true"
    return Asked("GET", f"/v1/profiles/{quote(namespace, '')}/{quote(id, '')}", parameters)


def lookup(
    people: Iterable[tuple[str, str]],
    fields: Iterable[str] | None,
    at: int | None,
    fresh: bool,
) -> Asked:
    """Many profiles."""
    body: dict[str, Any] = {"people": [{"namespace": n, "id": i} for n, i in people]}
    if fields is not None:
        body["fields"] = list(fields)
    if at is not None:
        body["at"] = at
    if fresh:
        body["fresh"] = True
    return Asked("POST", "/v1/profiles/lookup", body=json.dumps(body).encode())


def events(given: Sequence[Mapping[str, Any]]) -> Asked:
    """Events in."""
    return Asked("POST", "/v1/events", body=json.dumps(list(given)).encode())


def stream(given: str | None, models: Iterable[str], from_start: bool) -> Asked:
    """Score updates."""
    parameters: Parameters = {"model": list(models)}
    if given is not None:
        parameters["profile"] = given
    if from_start:
        parameters["from_start"] = "true"
    return Asked("GET", "/v1/scores/stream", parameters)


def resume(state: EventStream) -> dict[str, str]:
    """Headers with which a stream goes on."""
    return {"Last-Event-ID": state.last_id} if state.last_id else {}


def answer(response: httpx.Response) -> Any:
    """What the body says. Raises ApiError."""
    if response.status_code < 300:
        return response.json()
    raise error_of(response)


def error_of(response: httpx.Response) -> ApiError:
    """The error that an answer, read to its end, stands for."""
    status = response.status_code
    try:
        problem: dict[str, Any] = response.json()
    except ValueError:
        problem = {}
    detail = str(problem.get("detail", response.reason_phrase))
    if status in (429, 502, 503, 504):
        after = response.headers.get("retry-after", "1")
        return Unavailable(status, detail, float(after) if after.isdecimal() else 1.0)
    if 400 <= status < 500:
        return Refused(status, detail, problem.get("errors", ()))
    return ApiError(status, detail)


def lost(error: httpx.HTTPError) -> Unavailable:
    """The error of a connection."""
    return Unavailable(0, f"no answer: {type(error).__name__}")
