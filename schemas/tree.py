"""A schema as a tree that a person reads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

_DOC = 60


def tree(text: str) -> Iterator[str]:
    """Lines: a field each, with its type, whether it may be missing, and the start of its doc.

    >>> a = '{"type": "record", "name": "A", "fields": [{"name": "x", "type": ["null", "long"]}]}'
    >>> list(tree(a))
    ['A', '└─ x  long?']
    """
    schema = json.loads(text)
    yield _line(_name(schema), schema.get("doc", "") if isinstance(schema, Mapping) else "")
    yield from _inside(schema, "", set())


def _inside(schema: Any, indent: str, seen: set[str]) -> Iterator[str]:
    record = _record(schema)
    if record is None or record["name"] in seen:
        return
    fields = record["fields"]
    width = max((len(f["name"]) for f in fields), default=0)
    for i, field in enumerate(fields):
        last = i == len(fields) - 1
        head = f"{indent}{'└─' if last else '├─'} {field['name']:<{width}}  {_name(field['type'])}"
        default = field.get("default")
        if default not in (None, [], {}):
            head += f" = {json.dumps(default)}"
        yield _line(head, field.get("doc", ""))
        yield from _inside(
            field["type"], indent + ("   " if last else "│  "), seen | {record["name"]}
        )


def _record(schema: Any) -> Mapping[str, Any] | None:
    """The record in a type: itself, the branch that is not null, what a list or map holds."""
    if isinstance(schema, list):
        return next((r for branch in schema if (r := _record(branch)) is not None), None)
    if not isinstance(schema, Mapping):
        return None
    if schema["type"] == "record":
        return schema
    return _record(schema.get("items", schema.get("values", schema["type"])))


def _name(schema: Any) -> str:
    if isinstance(schema, list):
        others = [branch for branch in schema if branch != "null"]
        return " | ".join(map(_name, others)) + ("?" if "null" in schema else "")
    if not isinstance(schema, Mapping):
        return str(schema)
    kind = schema["type"]
    if kind == "array":
        return f"{_name(schema['items'])}[]"
    if kind == "map":
        return f"map of {_name(schema['values'])}"
    if "logicalType" in schema:
        return f"{kind} ({schema['logicalType']})"
    return str(schema.get("name", kind)) if not isinstance(kind, Mapping | list) else _name(kind)


def _line(head: str, doc: str) -> str:
    if not doc:
        return head
    return f"{head}  # {doc if len(doc) <= _DOC else doc[: _DOC - 3] + '...'}"
