"""What does not fit in a row, and where: `avro_rows.to_arrow` again, but value by value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from afflux.findings import escape
from streams.avro_rows import EXACT, INTEGERS, TYPES, field_names
from streams.avro_tree import ListOf, MapOf, Maybe, Node, OneOf, Record, Scalar

_LONGS = range(-(1 << 63), 1 << 63)


@dataclass(frozen=True, slots=True)
class Place:
    """What does not fit in a row."""

    pointer: str
    message: str


def misfit(record: Record, row: object) -> Place | None:
    """The first place of a row that does not fit; None if all of it does."""
    return next(misfits(record, row), None)


def misfits(record: Record, row: object) -> Iterator[Place]:
    """Every place of a row that does not fit."""
    return _misfits(record, row, "")


def _misfits(node: Node, value: Any, at: str) -> Iterator[Place]:
    match node:
        case Maybe(inner):
            if value is not None:
                yield from _misfits(inner, value, at)
        case Scalar(kind):
            if type(value) not in TYPES[kind]:
                yield Place(at, f"{_show(value)} where a {kind} is due")
            elif kind == "long" and int(value) not in _LONGS:
                yield Place(at, f"{value} needs more than 64 bits")
            elif kind == "string" and not _encodes(value):
                yield Place(at, "the text holds half of a surrogate pair")
            elif type(value) in INTEGERS and kind in ("double", "float") and abs(value) > 1 << 53:
                yield Place(at, f"{value} is not exact as a {kind}")
        case OneOf(branches):
            fitting = [b for b in branches if type(value) in EXACT[b.kind]]
            if not fitting:
                due = " or ".join(b.kind for b in branches)
                yield Place(at, f"{_show(value)} where a {due} is due")
            for branch in fitting:
                yield from _misfits(branch, value, at)
        case ListOf(items):
            if not isinstance(value, list | tuple):
                yield Place(at, f"{_show(value)} where a list is due")
            else:
                for i, item in enumerate(value):
                    yield from _misfits(items, item, f"{at}/{i}")
        case MapOf(values):
            yield from _map_misfits(values, value, at)
        case Record():
            yield from _record_misfits(node, value, at)


def _map_misfits(values: Node, value: Any, at: str) -> Iterator[Place]:
    if not isinstance(value, dict):
        yield Place(at, f"{_show(value)} where an object is due")
        return
    for key, item in value.items():
        if not isinstance(key, str) or not _encodes(key):
            yield Place(at, f"the name {_show(key)} is no text")
        else:
            yield from _misfits(values, item, f"{at}/{escape(key)}")


def _record_misfits(node: Record, value: Any, at: str) -> Iterator[Place]:
    if not isinstance(value, Mapping):
        yield Place(at, f"{_show(value)} where an object is due")
        return
    for name in value.keys() - field_names(node):
        yield Place(f"{at}/{escape(str(name))}", f"{node.name or 'the record'} has no such field")
    for field in node.fields:
        if field.name in value:
            yield from _misfits(field.node, value[field.name], f"{at}/{field.name}")
        elif field.required:
            yield Place(f"{at}/{field.name}", "the field is missing")


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _show(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
