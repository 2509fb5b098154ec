"""A checked rule: every part has a type, every name is a column.

Parts are compared by what they are, so equal parts of different rules are computed once.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

Scalar = bool | int | float | str
"""Times and durations are whole milliseconds."""


class Type(Enum):
    """CEL's name of each type that a part of a rule may have."""

    BOOL = "bool"
    INT = "int"
    DOUBLE = "double"
    STRING = "string"
    TIMESTAMP = "timestamp"
    DURATION = "duration"


NUMBERS = (Type.INT, Type.DOUBLE)
TIMES = (Type.TIMESTAMP, Type.DURATION)


@dataclass(frozen=True, slots=True)
class Constant:
    """The same for everybody."""

    type: Type
    kind: str
    """Of the Python value: True, 1 and 1.0 are equal in Python, and must not be here."""
    value: Scalar


@dataclass(frozen=True, slots=True)
class Column:
    """A named value of a person."""

    type: Type
    path: tuple[str, ...]
    missing: bool = False
    """Whether a person may have none."""


@dataclass(frozen=True, slots=True)
class Present:
    """Whether a person has a value in a column."""

    column: Column
    type: Type = Type.BOOL


@dataclass(frozen=True, slots=True)
class Now:
    """The event time that a rule is asked about."""

    type: Type = Type.TIMESTAMP


@dataclass(frozen=True, slots=True)
class Member:
    """Whether a person is in another audience."""

    audience: str
    type: Type = Type.BOOL


@dataclass(frozen=True, slots=True)
class Apply:
    """An operation of `afflux/audiences/operations.py` on parts."""

    operation: str
    type: Type
    parts: tuple[Typed, ...]


Typed = Constant | Column | Present | Now | Member | Apply


def constant(type: Type, value: Scalar) -> Constant:
    """A constant that differs from equal ones of other Python types, and 0.0 from -0.0."""
    return Constant(type, repr(value), value)
