"""Every error that leaves a route, as a problem document."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import cache

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from gateway.problems import Fault, Problem
from profile_store import StoreError, StoreUnavailable
from profile_store.dataset_definitions import UnknownPolicy
from streams.errors import BrokerUnavailable, MessageRefused
from streams.privacy.desk import NoSecret

log = logging.getLogger("afflux.gateway")

RETRY_S = "1"

Handler = Callable[[Request, Exception], Awaitable[Response]]


def answer_with_problems(app: FastAPI) -> None:
    """Let all errors of the app's routes be problems."""
    for kind, handler in _handlers().items():
        app.add_exception_handler(kind, handler)
    app.add_exception_handler(Exception, _unexpected)


def handler_of(error: Exception) -> Handler | None:
    """What answers to an error that is expected; None for any other."""
    handlers = _handlers()
    return next((handlers[kind] for kind in type(error).__mro__ if kind in handlers), None)


@cache
def _handlers() -> dict[type[Exception], Handler]:
    return {
        Problem: _problem,
        HTTPException: _http,
        RequestValidationError: _invalid,
        StoreError: _store,
        UnknownPolicy: _policy,
        BrokerUnavailable: _broker,
        MessageRefused: _refused,
        NoSecret: _no_secret,
    }


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return error.response()


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return Problem(error.status_code, str(error.detail), headers=error.headers).response()


async def _invalid(request: Request, error: Exception) -> Response:
    """Parameters that do not fit; pydantic would repeat what was sent."""
    assert isinstance(error, RequestValidationError)
    faults = [
        Fault(one["msg"], parameter=str(one["loc"][-1]), code=one["type"]) for one in error.errors()
    ]
    return Problem(422, "parameters do not fit", faults).response()


async def _policy(request: Request, error: Exception) -> Response:
    fault = Fault(str(error), parameter="merge_policy", code="unknown_policy")
    return Problem(422, "there is no such merge policy", [fault]).response()


async def _store(request: Request, error: Exception) -> Response:
    if isinstance(error, StoreUnavailable):
        log.warning("%s", error)
        return _later("the profile store does not answer")
    log.error("%s", error)
    return _later("the profile store cannot be read now")


async def _broker(request: Request, error: Exception) -> Response:
    log.warning("%s", error)
    return _later("Kafka does not answer")


async def _refused(request: Request, error: Exception) -> Response:
    log.error("%s", error)
    return _later("Kafka does not take these events now")


async def _no_secret(request: Request, error: Exception) -> Response:
    log.error("%s", error)
    return _later("this gateway has no key to sign with")


async def _unexpected(request: Request, error: Exception) -> Response:
    # Starlette raises it once more, for the server's log: which has no values of requests.
    return Problem(500, "an error that nobody expected; the log has it").response()


def _later(detail: str) -> Response:
    return Problem(503, detail, headers={"Retry-After": RETRY_S}).response()
