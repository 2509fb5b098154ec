"""The additive rule finds every way to break it, at any depth, and lets additions pass."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from schemas.evolution import problems

ITEM = {
    "type": "record",
    "name": "Item",
    "fields": [
        {"name": "sku", "type": "string"},
        {"name": "price", "type": ["null", "double"], "default": None},
    ],
}
EVENT: dict[str, Any] = {
    "type": "record",
    "name": "Event",
    "namespace": "shop",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "when", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "items", "type": {"type": "array", "items": ITEM}, "default": []},
        {"name": "by_name", "type": {"type": "map", "values": "Item"}, "default": {}},
    ],
}


def changed(change: Callable[[dict[str, Any]], None]) -> list[tuple[str, str]]:
    """(rule, path) of what is wrong after a change of the event schema."""
    newer = copy.deepcopy(EVENT)
    change(newer)
    return [(p.rule, p.path) for p in problems(json.dumps(EVENT), json.dumps(newer))]


def item(schema: dict[str, Any]) -> dict[str, Any]:
    """The record inside the array."""
    record: dict[str, Any] = schema["fields"][2]["type"]["items"]
    return record


NEW = {"name": "note", "type": ["null", "string"], "default": None}


@pytest.mark.parametrize(
    "change",
    [
        lambda s: None,
        lambda s: s["fields"].append(NEW),
        lambda s: item(s)["fields"].append(NEW),
        lambda s: s.update(doc="words"),
        lambda s: s["fields"][0].update(default="", doc="words"),
    ],
    ids=["same", "added", "added inside", "doc", "first default"],
)
def test_allowed(change: Callable[[dict[str, Any]], None]) -> None:
    """New fields with a default, new words, a default for a field that had none."""
    assert changed(change) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda s: s["fields"].pop(0), [("removed", "/id")]),
        (lambda s: item(s)["fields"].pop(), [("removed", "/items/*/price")]),
        (
            lambda s: s["fields"][0].update(name="_id"),
            [("removed", "/id"), ("moved", ""), ("added_without_default", "/_id")],
        ),
        (lambda s: s.update(name="Happening"), [("renamed", "")]),
        (lambda s: s.update(namespace="store"), [("renamed", "")]),
        (lambda s: s["fields"][0].update(type="bytes"), [("retyped", "/id")]),
        (lambda s: s["fields"][0].update(type=["null", "string"]), [("retyped", "/id")]),
        (lambda s: s["fields"][1].update(type="long"), [("retyped", "/when")]),
        (
            lambda s: item(s)["fields"][1].update(type=["null", "float"]),
            [("retyped", "/items/*/price")],
        ),
        (
            lambda s: item(s)["fields"][1].update(type=["null", "double", "string"]),
            [("retyped", "/items/*/price")],
        ),
        (lambda s: s["fields"].insert(0, NEW), [("moved", "")]),
        (lambda s: item(s)["fields"].reverse(), [("moved", "/items/*")]),
        (
            lambda s: s["fields"].append({"name": "note", "type": "string"}),
            [("added_without_default", "/note")],
        ),
        (
            lambda s: item(s)["fields"][1].update(default=0.0),
            [("default_changed", "/items/*/price")],
        ),
    ],
)
def test_forbidden(change: Callable[[dict[str, Any]], None], found: list[tuple[str, str]]) -> None:
    """Each forbidden change is found, named by its rule and its place."""
    assert changed(change) == found
