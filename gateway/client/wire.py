"""Requests and answers as values, the same for both clients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

import httpx

from gateway.client.errors import ApiError, Refused, Unavailable
from gateway.client.event_stream import EventStream

Parameters = dict[str, str | list[str]]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Asked(Generic[T]):
    """A request. read: what is wanted of the answer. none: 404 is None, not an error."""

    method: str
    path: str
    parameters: Parameters | None = None
    body: bytes | None = None
    read: Callable[[Any], T] | None = None
    none: bool = False

    @property
    def headers(self) -> dict[str, str] | None:
        """Headers that this request has beside the usual ones."""
        return {"Content-Type": "application/json"} if self.body else None

    def answer(self, response: httpx.Response) -> T:
        """What the body says. Raises ApiError."""
        if response.status_code < 300:
            found = response.json()
            return cast(T, found) if self.read is None else self.read(found)
        if self.none and response.status_code == 404:
            return cast(T, None)
        raise error_of(response)


def headers(key: str | None) -> dict[str, str]:
    """Headers of every request."""
    return {"Authorization": f"Bearer {key}"} if key else {}


def resume(state: EventStream) -> dict[str, str]:
    """Headers with which a stream goes on."""
    return {"Last-Event-ID": state.last_id} if state.last_id else {}


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
