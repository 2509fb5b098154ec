"""The syntax tree of a rule: plain values, made by whoever can parse CEL.

Operators are calls with the names that CEL itself gives them: `_&&_`, `_?_:_`, `!_`, `@in`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """In the text of a rule; both count from 1, columns in characters."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, string or truth value as written."""

    value: bool | int | float | str
    place: Place


@dataclass(frozen=True, slots=True)
class Foreign:
    """CEL that no rule may use, in words: "an unsigned number", "a map"."""

    what: str
    place: Place


@dataclass(frozen=True, slots=True)
class Name:
    """`now`, or the root of a path."""

    name: str
    place: Place


@dataclass(frozen=True, slots=True)
class Select:
    """`of.field`, or `of["field"]`."""

    of: Node
    field: str
    place: Place
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A function, a method of `target`, or an operator."""

    function: str
    arguments: tuple[Node, ...]
    place: Place
    target: Node | None = None


@dataclass(frozen=True, slots=True)
class Items:
    """`[a, b, c]`."""

    items: tuple[Node, ...]
    place: Place


Node = Literal | Foreign | Name | Select | Call | Items


def inside(node: Node) -> Iterator[Node]:
    """The node and everything in it.

    >>> [type(n).__name__ for n in inside(Select(Name("a", Place(1, 1)), "b", Place(1, 3)))]
    ['Select', 'Name']
    """
    yield node
    below: tuple[Node, ...] = ()
    if isinstance(node, Select):
        below = (node.of,)
    elif isinstance(node, Items):
        below = node.items
    elif isinstance(node, Call):
        below = node.arguments if node.target is None else (node.target, *node.arguments)
    for n in below:
        yield from inside(n)
