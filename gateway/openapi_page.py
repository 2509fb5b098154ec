"""The OpenAPI page: what FastAPI finds, and what it cannot see."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from gateway.documents import ProblemDocument
from gateway.event_schema import event_schema
from gateway.lookups import Lookup
from gateway.routes.identities import Pair

_REF = "#/components/schemas/{model}"
_READ_BY_HAND: list[tuple[type[BaseModel], JsonSchemaMode]] = [
    (ProblemDocument, "serialization"),
    (Lookup, "validation"),
    (Pair, "validation"),
]
_UNUSED = ("HTTPValidationError", "ValidationError")


def describe(app: FastAPI) -> None:
    """Let the app answer with the whole page; it is made once."""

    def page() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _page(app)
        return app.openapi_schema

    app.openapi = page  # type: ignore[method-assign]


def _page(app: FastAPI) -> dict[str, Any]:
    found = get_openapi(
        title=app.title, version=app.version, summary=app.summary, routes=app.routes
    )
    schemas = found["components"]["schemas"]
    _, more = models_json_schema(_READ_BY_HAND, ref_template=_REF)
    schemas.update(more["$defs"])
    schemas["ExperienceEvent"] = event_schema()
    for name in _UNUSED:
        schemas.pop(name, None)
    return found
