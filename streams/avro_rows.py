"""Python rows to Arrow columns of a schema tree.

Columnar and fast: one pass a column, types compared as sets. It says only that something does
not fit; `avro_misfit` then walks the rows one by one and names the place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa

from streams.avro_tree import Field, ListOf, MapOf, Maybe, Node, OneOf, Record, Scalar

_ARROW = {
    "string": pa.string(),
    "long": pa.int64(),
    "double": pa.float64(),
    "float": pa.float32(),
    "boolean": pa.bool_(),
}
INTEGERS: frozenset[type] = frozenset({int, np.int64, np.int32})
_NUMBERS: frozenset[type] = INTEGERS | {float, np.float64, np.float32}
TYPES: dict[str, frozenset[type]] = {
    "string": frozenset({str, np.str_}),
    "long": INTEGERS,
    "double": _NUMBERS,
    "float": _NUMBERS,
    "boolean": frozenset({bool, np.bool_}),
}
EXACT: dict[str, frozenset[type]] = {
    **TYPES,
    "double": _NUMBERS - INTEGERS,
    "float": _NUMBERS - INTEGERS,
}
"""What selects a branch of a union: a whole number is a long, not a double."""

_NULL = type(None)


class Misfit(Exception):
    """Rows do not fit the schema."""


def to_arrow(record: Record, rows: Sequence[Mapping[str, Any]]) -> pa.RecordBatch:
    """Columns of rows; what a row leaves out takes its default.

    Raises Misfit where a value is missing, unknown or of another type.
    """
    try:
        array = _array(record, rows, False)
    except (pa.ArrowException, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise Misfit(str(error)) from None
    return pa.RecordBatch.from_struct_array(array)


def arrow_type(node: Node) -> pa.DataType:
    """The Arrow type of a node, as `to_arrow` makes it."""
    match node:
        case Scalar(kind):
            return _ARROW[kind]
        case Maybe(inner):
            return arrow_type(inner)
        case OneOf(branches):
            return pa.sparse_union([pa.field(b.kind, _ARROW[b.kind]) for b in branches])
        case ListOf(items):
            return pa.list_(arrow_type(items))
        case MapOf(key_values):
            return pa.map_(pa.string(), arrow_type(key_values))
        case Record(_, fields):
            return pa.struct([pa.field(f.name, arrow_type(f.node)) for f in fields])


def _array(node: Node, values: Sequence[Any], nullable: bool) -> pa.Array:
    match node:
        case Scalar(kind):
            _expect(values, TYPES[kind], nullable)
            return pa.array(values, type=_ARROW[kind])
        case Maybe(inner):
            return _array(inner, values, True)
        case OneOf(branches):
            return _union(branches, values, nullable)
        case ListOf(items):
            return _lists(items, values, nullable)
        case MapOf(key_values):
            return _maps(key_values, values, nullable)
        case Record():
            return _structs(node, values, nullable)


def _expect(values: Sequence[Any], types: frozenset[type], nullable: bool) -> None:
    found = set(map(type, values)) - types
    if found and not (nullable and found == {_NULL}):
        raise Misfit(f"{[t.__name__ for t in found]} where {[t.__name__ for t in types]} is due")


def _structs(node: Record, values: Sequence[Any], nullable: bool) -> pa.Array:
    names = field_names(node)
    for value in values:
        if value is None and nullable:
            continue
        if not value.keys() <= names:
            raise Misfit(f"unknown fields {value.keys() - names}")
    children = [_array(f.node, _field(f, values), nullable) for f in node.fields]
    mask = pa.array([v is None for v in values], type=pa.bool_()) if nullable else None
    return pa.StructArray.from_arrays(children, [f.name for f in node.fields], mask=mask)


def _field(field: Field, values: Sequence[Any]) -> list[Any]:
    name = field.name
    if field.required:
        try:
            return [v if v is None else v[name] for v in values]
        except KeyError:
            raise Misfit(f"{name} is missing") from None
    default = field.default
    return [v if v is None else v.get(name, default) for v in values]


def _lists(items: Node, values: Sequence[Any], nullable: bool) -> pa.Array:
    _expect(values, frozenset({list, tuple}), nullable)
    flat = list(chain.from_iterable(v for v in values if v is not None))
    mask = pa.array([v is None for v in values], type=pa.bool_()) if nullable else None
    return pa.ListArray.from_arrays(_offsets(values), _array(items, flat, False), mask=mask)


def _maps(key_values: Node, values: Sequence[Any], nullable: bool) -> pa.Array:
    _expect(values, frozenset({dict}), nullable)
    given = [v for v in values if v is not None]
    keys = _array(Scalar("string"), list(chain.from_iterable(given)), False)
    flat = _array(key_values, list(chain.from_iterable(v.values() for v in given)), False)
    return pa.MapArray.from_arrays(_offsets(values, nullable), keys, flat)


def _offsets(values: Sequence[Any], nullable: bool = False) -> pa.Array:
    """Where each list starts, and the end of the last one; null for a null list if wanted."""
    ends = np.cumsum([0 if v is None else len(v) for v in values], dtype=np.int64)
    if len(ends) and ends[-1] > 0x7FFFFFFF:
        raise Misfit("too many elements for one batch")
    null = np.array([nullable and v is None for v in values] + [False], np.bool_)
    return pa.array(np.concatenate([[0], ends]).astype(np.int32), mask=null)


def _union(branches: tuple[Scalar, ...], values: Sequence[Any], nullable: bool) -> pa.Array:
    branch_of = {t: i for i, b in enumerate(branches) for t in EXACT[b.kind]}
    if nullable:
        branch_of[_NULL] = 0
    try:
        ids = [branch_of[type(v)] for v in values]
    except KeyError as error:
        raise Misfit(f"{error} is no branch of the union") from None
    children = [
        pa.array([v if i == b else None for v, i in zip(values, ids, strict=True)],
                 type=_ARROW[branch.kind])
        for b, branch in enumerate(branches)
    ]  # fmt: skip
    return pa.UnionArray.from_sparse(
        pa.array(ids, type=pa.int8()), children, [b.kind for b in branches]
    )


@cache
def field_names(node: Record) -> frozenset[str]:
    """Names of the fields of a record."""
    return frozenset(f.name for f in node.fields)
