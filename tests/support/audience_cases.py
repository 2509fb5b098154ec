"""People, words and rules for tests of audiences, and Google's CEL as the oracle of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from afflux.audiences.typed import Column, Type
from afflux.audiences.values import Value, strings
from afflux.audiences.vocabulary import Vocabulary
from afflux.columns import I64

START = 1_483_228_800_000
WORDS = Vocabulary.of(
    ["tenure"],
    ["churn"],
    {
        "age": Type.INT, "income": Type.DOUBLE, "tier": Type.STRING, "city": Type.STRING,
        "member": Type.BOOL, "a name": Type.INT,
    },
)  # fmt: skip

Scalar = bool | int | float | str
Person = Mapping[str, Scalar]
"""Values by path with dots; what is not in it is missing. `now` too; times in ms."""

_DTYPES = {
    Type.BOOL: np.bool_, Type.INT: np.int64, Type.DOUBLE: np.float64, Type.TIMESTAMP: np.int64,
}  # fmt: skip


class Table:
    """People as a frame."""

    def __init__(self, people: Sequence[Person]) -> None:
        self._people = people
        self.now: I64 = np.array([p["now"] for p in people], np.int64)

    def column(self, column: Column) -> Value:
        """A column; numbers that everybody has are 0 where a person does not say."""
        found: list[Any] = [p.get(".".join(column.path)) for p in self._people]
        if column.type is Type.STRING:
            return strings(found)
        dtype = _DTYPES[column.type]
        data: NDArray[Any] = np.array([0 if v is None else v for v in found], dtype)
        none = np.array([v is None for v in found], np.bool_)
        return Value(data, none if column.missing and none.any() else None)


def told(rule: str, person: Person, audiences: Mapping[str, bool]) -> bool | None:
    """What CEL itself says of a rule; None is an error."""
    dates = re.sub(r"\bevents\.(\w+)\.last\b", r"last.\1", rule)
    value = _environment().compile(dates, disable_check=True).eval(data=_data(person, audiences))
    plain = value.plain_value()
    return plain if isinstance(plain, bool) else None


def _data(person: Person, audiences: Mapping[str, bool]) -> dict[str, Any]:
    data: dict[str, Any] = {
        "now": _time(person["now"]), "audiences": dict(audiences), "attributes": {}, "last": {},
        "profile": {}, "scores": {"churn": {}}, "events": {},
    }  # fmt: skip
    for column in WORDS.columns.values():
        value = person.get(".".join(column.path), None if column.missing else _zero(column))
        root, name, *rest = column.path
        if value is None:
            continue
        if not rest:
            data[root][name] = value
        elif rest[0] == "last":
            data["last"][name] = _time(value)
        else:
            data[root].setdefault(name, {})[rest[0]] = value
    return data


def _zero(column: Column) -> Scalar:
    return 0.0 if column.type is Type.DOUBLE else 0


def _time(ms: Any) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)


@cache
def _environment() -> Any:
    cel = pytest.importorskip("cel_expr_python.cel", reason="no wheel of cel-expr-python here")
    kinds = cel.Type
    of_any = kinds.Map(kinds.STRING, kinds.DYN)
    return cel.NewEnv(
        variables={
            "now": kinds.TIMESTAMP,
            "audiences": kinds.Map(kinds.STRING, kinds.BOOL),
            "attributes": of_any,
            "profile": of_any,
            "last": kinds.Map(kinds.STRING, kinds.TIMESTAMP),
            "scores": kinds.Map(kinds.STRING, of_any),
            "events": kinds.Map(kinds.STRING, of_any),
        }
    )
