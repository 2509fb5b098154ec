"""Which answers a route documents, beside its own."""

from __future__ import annotations

from typing import Any

from gateway.problems import MEDIA_TYPE

_MEANING = {
    400: "the body is not JSON",
    401: "no key, or one that is not known",
    403: "the key has not the scope, or is not for the namespace",
    404: "nothing is known",
    409: "it contradicts what is there, or itself",
    413: "the body is too large",
    415: "the body is of another media type",
    422: "something does not fit; `errors` says what, all of it",
    429: "too many requests; come back after `Retry-After` seconds",
    503: "a server behind does not answer; come back after `Retry-After` seconds",
}
_GUARDED = (401, 403, 422, 429, 503)
_WITH_BODY = (400, 413, 415)
Responses = dict[int | str, dict[str, Any]]


def problems(*more: int, body: bool = False) -> Responses:
    """Problems that a guarded route may answer with. body: it reads one."""
    codes = sorted({*_GUARDED, *(_WITH_BODY if body else ()), *more})
    return {code: problem(code) for code in codes}


def problem(code: int) -> dict[str, Any]:
    """One of them."""
    schema = {"$ref": "#/components/schemas/ProblemDocument"}
    return {"description": _MEANING[code], "content": {MEDIA_TYPE: {"schema": schema}}}


def json_body(schema: dict[str, Any]) -> dict[str, Any]:
    """What `openapi_extra` says of a body that a route reads for itself."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
