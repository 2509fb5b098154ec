"""The additive rule: what a new version of a contract may change.

Fields are added with a default. Nothing is removed, renamed, retyped or moved. So a reader
completes an older record by defaults and ignores what a newer one has more, and nobody has to
resolve schemas record by record. Docs may change; defaults of existing fields may not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Rule = Literal["removed", "renamed", "retyped", "moved", "added_without_default", "default_changed"]


@dataclass(frozen=True, slots=True)
class Problem:
    """A change that breaks the rule, and where."""

    rule: Rule
    path: str
    """JSON pointer through fields, `*` for the elements of an array or map."""
    message: str


def problems(older: str, newer: str) -> list[Problem]:
    """What in `newer` breaks the additive rule; both are schema texts. Empty: it may ship.

    >>> a = '{"type": "record", "name": "A", "fields": [{"name": "x", "type": "long"}]}'
    >>> [(p.rule, p.path) for p in problems(a, a.replace("long", "string"))]
    [('retyped', '/x')]
    """
    found: list[Problem] = []
    _Comparison(found).types(json.loads(older), json.loads(newer), "")
    return found


class _Comparison:
    def __init__(self, found: list[Problem]) -> None:
        self._found = found
        self._older: dict[str, Any] = {}
        self._newer: dict[str, Any] = {}
        self._seen: set[tuple[str, str]] = set()

    def types(self, older: Any, newer: Any, path: str) -> None:
        older, newer = _resolve(older, self._older), _resolve(newer, self._newer)
        if isinstance(older, list) and isinstance(newer, list) and len(older) == len(newer):
            for a, b in zip(older, newer, strict=True):
                self.types(a, b, path)
            return
        if _kind(older) != _kind(newer):
            self._add("retyped", path, f"{_kind(older)} became {_kind(newer)}")
        elif _kind(older) == "record":
            self._records(older, newer, path)
        elif _kind(older) == "array":
            self.types(older["items"], newer["items"], f"{path}/*")
        elif _kind(older) == "map":
            self.types(older["values"], newer["values"], f"{path}/*")
        else:
            self._attributes(_attributes(older), _attributes(newer), path)

    def _records(self, older: Any, newer: Any, path: str) -> None:
        names = (_full_name(older), _full_name(newer))
        if names[0] != names[1]:
            self._add("renamed", path, f"record {names[0]} became {names[1]}")
        if names in self._seen:
            return
        self._seen.add(names)
        before = {f["name"]: f for f in older["fields"]}
        after = {f["name"]: f for f in newer["fields"]}
        for name in before.keys() - after.keys():
            self._add("removed", f"{path}/{name}", "the field is gone (or has another name)")
        kept = [n for n in after if n in before]
        if kept != [n for n in before if n in after] or list(after)[: len(kept)] != kept:
            self._add("moved", path, "existing fields keep their order, new ones come last")
        for name, field in after.items():
            self._field(before.get(name), field, f"{path}/{name}")

    def _field(self, before: Any, after: Any, path: str) -> None:
        if before is None:
            if "default" not in after:
                self._add("added_without_default", path, "older records could not be completed")
            return
        absent = object()
        if before.get("default", absent) != after.get("default", absent) and "default" in before:
            self._add("default_changed", path, "older records would change their meaning")
        self.types(before["type"], after["type"], path)

    def _attributes(self, older: Any, newer: Any, path: str) -> None:
        for key in ("logicalType", "symbols", "size", "precision", "scale"):
            if older.get(key) != newer.get(key):
                self._add("retyped", path, f"{key} {older.get(key)} became {newer.get(key)}")

    def _add(self, rule: Rule, path: str, message: str) -> None:
        self._found.append(Problem(rule, path, message))


def _resolve(schema: Any, named: dict[str, Any]) -> Any:
    """A named type in place of its name; remembers the ones that it passes."""
    if isinstance(schema, str):
        return named.get(schema, schema)
    if isinstance(schema, dict) and "name" in schema:
        named[schema["name"]] = schema
    if isinstance(schema, dict) and isinstance(schema.get("type"), dict | list):
        return _resolve(schema["type"], named)
    return schema


def _attributes(schema: Any) -> Mapping[str, Any]:
    return schema if isinstance(schema, Mapping) else {}


def _kind(schema: Any) -> str:
    if isinstance(schema, list):
        return "union of " + ", ".join(_kind(s) for s in schema)
    return str(schema["type"]) if isinstance(schema, Mapping) else str(schema)


def _full_name(schema: Any) -> str:
    namespace = schema.get("namespace")
    return f"{namespace}.{schema['name']}" if namespace else str(schema["name"])
