"""The contract of events as a JSON schema, for the OpenAPI page."""

from __future__ import annotations

from typing import Any

from streams.avro_tree import ListOf, MapOf, Maybe, Node, OneOf, Record, Scalar
from streams.message_writer import writer

_SCALARS: dict[str, dict[str, Any]] = {
    "string": {"type": "string"},
    "long": {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
    "double": {"type": "number"},
    "float": {"type": "number"},
    "boolean": {"type": "boolean"},
}


def event_schema() -> dict[str, Any]:
    """An experience event. The rules of Afflux ask for more than its form."""
    schema = _schema(writer("ExperienceEvent").record)
    schema["properties"]["timestamp"] = {
        "anyOf": [schema["properties"]["timestamp"], {"type": "string", "format": "date-time"}]
    }
    return schema


def _schema(node: Node) -> dict[str, Any]:
    match node:
        case Scalar(kind):
            return dict(_SCALARS[kind])
        case Maybe(inner):
            return {"anyOf": [_schema(inner), {"type": "null"}]}
        case OneOf(branches):
            return {"anyOf": [_schema(branch) for branch in branches]}
        case ListOf(items):
            return {"type": "array", "items": _schema(items)}
        case MapOf(values):
            return {"type": "object", "additionalProperties": _schema(values)}
        case Record(_, fields):
            return {
                "type": "object",
                "properties": {field.name: _schema(field.node) for field in fields},
                "required": [field.name for field in fields if field.required],
                "additionalProperties": False,
            }
