"""Bodies of requests: read up to a limit, parsed without trust."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request

from gateway.problems import Fault, Problem


async def read_json(request: Request, limit: int) -> Any:
    """The body as JSON. Raises a 413, 415 or 400."""
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind != "application/json" or "content-encoding" in request.headers:
        raise Problem(415, "the body must be application/json, not encoded")
    body = await _read(request, limit)
    try:
        return json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        why = f" at byte {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        raise Problem(400, f"the body is not JSON{why}", [Fault("not JSON", "", "json")]) from None


async def _read(request: Request, limit: int) -> bytes:
    too_large = Problem(413, f"the body has more than {limit} bytes")
    announced = request.headers.get("content-length", "0")
    if not announced.isdecimal() or len(announced) > 15 or int(announced) > limit:
        raise too_large
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise too_large
        parts.append(part)
    return b"".join(parts)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
