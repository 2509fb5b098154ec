"""An Avro schema as a tree of the few types that our records may be made of.

Only what every reader here decodes alike can be said in this tree; `parse` refuses the rest and
says why. `int` becomes `long` (the same bytes, and no reader cuts it to 32 bits), a logical type
becomes the type below it, and `wire_schema` writes maps as arrays of (key, value), which are the
same bytes too: so repeated keys and their order reach us from every reader.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from afflux.names import AffluxError

ScalarKind = Literal["string", "long", "double", "float", "boolean"]


class RefusedSchema(AffluxError):
    """A writer schema that cannot be decoded safely, or does not fit the contract."""

    def __init__(self, pointer: str, reason: str) -> None:
        super().__init__(f"{pointer or '/'}: {reason}")
        self.pointer = pointer
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value."""

    kind: ScalarKind
    logical: str = ""


@dataclass(frozen=True, slots=True)
class Maybe:
    """A union of null and one type."""

    inner: Node
    null_first: bool


@dataclass(frozen=True, slots=True)
class OneOf:
    """A union of scalars that have different Python types."""

    branches: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class ListOf:
    """An array."""

    items: Node


@dataclass(frozen=True, slots=True)
class MapOf:
    """A map; its keys are strings."""

    values: Node


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a record."""

    name: str
    node: Node
    required: bool
    default: Any = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Record:
    """A record."""

    name: str
    fields: tuple[Field, ...]


Node: TypeAlias = Scalar | Maybe | OneOf | ListOf | MapOf | Record

_KINDS: dict[str, ScalarKind] = {
    "string": "string",
    "long": "long",
    "int": "long",
    "double": "double",
    "float": "float",
    "boolean": "boolean",
}
_PYTHON = {"string": str, "long": int, "double": float, "float": float, "boolean": bool}
MAX_DEPTH = 16


def parse(text: str) -> Record:
    """The tree of a schema. Raises RefusedSchema with the place and the reason."""
    try:
        schema = json.loads(text)
    except ValueError as error:
        raise RefusedSchema("", f"not JSON: {error}") from None
    node = _Parser().node(schema, "", 0)
    if not isinstance(node, Record):
        raise RefusedSchema("", "the schema is not a record")
    return node


class _Parser:
    def __init__(self) -> None:
        self._named: dict[str, Any] = {}
        self._open: set[str] = set()

    def node(self, schema: Any, at: str, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise RefusedSchema(at, f"nested deeper than {MAX_DEPTH}")
        if isinstance(schema, list):
            return self._union(schema, at, depth)
        if isinstance(schema, str):
            schema = self._named.get(schema, {"type": schema})
        if not isinstance(schema, Mapping) or "type" not in schema:
            raise RefusedSchema(at, f"no type in {schema!r}")
        kind = schema["type"]
        if isinstance(kind, list | dict):
            return self.node(kind, at, depth + 1)
        if kind in _KINDS:
            return Scalar(_KINDS[kind], str(schema.get("logicalType", "")))
        if kind == "array":
            return ListOf(self.node(schema.get("items"), f"{at}/*", depth + 1))
        if kind == "map":
            return MapOf(self.node(schema.get("values"), f"{at}/*", depth + 1))
        if kind == "record":
            return self._record(schema, at, depth)
        raise RefusedSchema(at, f"type {kind!r} is not supported")

    def _union(self, schema: list[Any], at: str, depth: int) -> Node:
        others = [s for s in schema if s != "null"]
        nodes = [self.node(s, at, depth + 1) for s in others]
        if len(schema) == 2 and len(nodes) == 1 and not isinstance(nodes[0], Maybe | OneOf):
            return Maybe(nodes[0], schema[0] == "null")
        scalars = tuple(n for n in nodes if isinstance(n, Scalar))
        types = {_PYTHON[s.kind] for s in scalars}
        if len(scalars) == len(schema) == len(types) and len(scalars) > 1:
            return OneOf(scalars)
        raise RefusedSchema(
            at, "a union must be of null and one type, or of different scalars without null"
        )

    def _record(self, schema: Mapping[str, Any], at: str, depth: int) -> Record:
        name, fields = str(schema.get("name", "")), schema.get("fields")
        if name in self._open:
            raise RefusedSchema(at, f"record {name} contains itself")
        if not isinstance(fields, list) or not fields:
            raise RefusedSchema(at, f"record {name} has no fields")
        self._open.add(name)
        self._named[name] = schema
        if "namespace" in schema:
            self._named[f"{schema['namespace']}.{name}"] = schema
        found = tuple(self._field(f, at, depth) for f in fields)
        self._open.discard(name)
        return Record(name, found)

    def _field(self, field: Any, at: str, depth: int) -> Field:
        if not isinstance(field, Mapping) or not isinstance(field.get("name"), str):
            raise RefusedSchema(at, f"a field without a name: {field!r}")
        node = self.node(field.get("type"), f"{at}/{field['name']}", depth + 1)
        return Field(field["name"], node, "default" not in field, field.get("default"))


def check_fits(writer: Node, reader: Node, at: str = "") -> None:
    """Raise RefusedSchema unless records of `writer` can be read as `reader` by name.

    The additive rule: what both have is of the same type, what the writer lacks has a default.
    """
    if isinstance(writer, Record) and isinstance(reader, Record):
        theirs = {f.name: f.node for f in writer.fields}
        for field in reader.fields:
            if field.name in theirs:
                check_fits(theirs[field.name], field.node, f"{at}/{field.name}")
            elif field.required:
                raise RefusedSchema(f"{at}/{field.name}", "a required field is missing")
    elif isinstance(writer, ListOf) and isinstance(reader, ListOf):
        check_fits(writer.items, reader.items, f"{at}/*")
    elif isinstance(writer, MapOf) and isinstance(reader, MapOf):
        check_fits(writer.values, reader.values, f"{at}/*")
    elif isinstance(reader, Maybe):
        check_fits(writer.inner if isinstance(writer, Maybe) else writer, reader.inner, at)
    elif isinstance(writer, Scalar) and isinstance(reader, Scalar) and writer.kind == reader.kind:
        if writer.logical not in ("", "timestamp-millis", "uuid"):
            raise RefusedSchema(at, f"logical type {writer.logical} would change the value")
    elif writer != reader:
        raise RefusedSchema(at, f"{_words(writer)} where the contract has {_words(reader)}")


def pairs(node: Node) -> Node:
    """The same tree with maps as arrays of records `key`, `value`."""
    match node:
        case MapOf(values):
            key = Field("key", Scalar("string"), True)
            return ListOf(Record("", (key, Field("value", pairs(values), True))))
        case ListOf(items):
            return ListOf(pairs(items))
        case Maybe(inner, null_first):
            return Maybe(pairs(inner), null_first)
        case Record(name, fields):
            return Record(
                name, tuple(Field(f.name, pairs(f.node), f.required, f.default) for f in fields)
            )
    return node


def wire_schema(record: Record) -> dict[str, Any]:
    """The Avro schema of the tree for readers and writers of bytes: no docs, no defaults."""
    numbers = iter(range(1 << 30))

    def text(node: Node) -> Any:
        match node:
            case Scalar(kind):
                return kind
            case Maybe(inner, null_first):
                return ["null", text(inner)] if null_first else [text(inner), "null"]
            case OneOf(branches):
                return [b.kind for b in branches]
            case ListOf(items):
                return {"type": "array", "items": text(items)}
            case MapOf(values):
                return {"type": "map", "values": text(values)}
            case Record(_, fields):
                name = f"R{next(numbers)}"  # a record that is used twice is written out twice
                return {
                    "type": "record",
                    "name": name,
                    "fields": [{"name": f.name, "type": text(f.node)} for f in fields],
                }

    schema: dict[str, Any] = text(record)
    return schema


def _words(node: Node) -> str:
    match node:
        case Scalar(kind):
            return kind
        case Maybe(inner):
            return f"null or {_words(inner)}"
        case OneOf(branches):
            return " or ".join(b.kind for b in branches)
        case ListOf():
            return "an array"
        case MapOf():
            return "a map"
        case Record(name):
            return f"the record {name}"
