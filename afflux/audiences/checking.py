"""From syntax to types: what is outside the subset, or does not fit, is refused with its place."""

from __future__ import annotations

from collections.abc import Callable, Collection

from afflux.audiences import signatures
from afflux.audiences.literals import duration_ms, timestamp_ms
from afflux.audiences.refusal import RuleError
from afflux.audiences.signatures import FUNCTIONS, METHODS, SYMBOLS
from afflux.audiences.syntax import Call, Foreign, Items, Literal, Name, Node, Place, Select, inside
from afflux.audiences.typed import (
    NUMBERS,
    Apply,
    Column,
    Constant,
    Member,
    Now,
    Present,
    Type,
    Typed,
    constant,
)
from afflux.audiences.vocabulary import ROOTS, Vocabulary

MOST_PARTS = 500
"""Of one rule."""

_INT_MAX = 2**63 - 1
_ALL_FUNCTIONS = sorted([*FUNCTIONS, "has", "duration", "timestamp"])


def check(rule: Node, vocabulary: Vocabulary, audiences: Collection[str]) -> Typed:
    """The rule with types. Raises RuleError. audiences: the names that `audiences.` may have."""
    parts = sum(1 for _ in inside(rule))
    if parts > MOST_PARTS:
        raise RuleError(f"a rule of {parts} parts; {MOST_PARTS} are possible", rule.place)
    typed = _Checker(vocabulary, audiences).check(rule)
    if typed.type is not Type.BOOL:
        raise RuleError(f"a rule is a bool, this is {_a(typed.type)}", start(rule))
    return typed


def start(node: Node) -> Place:
    """Where the text of the node begins."""
    if isinstance(node, Select):
        return start(node.of)
    if isinstance(node, Call) and node.target is not None:
        return start(node.target)
    if isinstance(node, Call) and node.function in SYMBOLS and len(node.arguments) > 1:
        return start(node.arguments[0])
    return node.place


class _Checker:
    def __init__(self, vocabulary: Vocabulary, audiences: Collection[str]) -> None:
        self._vocabulary = vocabulary
        self._audiences = audiences
        self._special: dict[str, Callable[[Call], Typed]] = {
            "has": self._has, "@in": self._in, "duration": self._duration,
            "timestamp": self._timestamp, "-_": self._minus,
        }  # fmt: skip

    def check(self, node: Node) -> Typed:
        """The type of a part and of everything in it."""
        match node:
            case Literal(value, place):
                return _literal(value, place)
            case Foreign(what, place):
                raise RuleError(f"{what} is not possible in a rule", place)
            case Items(_, place):
                raise RuleError("a list can only stand behind `in`", place)
            case Name() | Select():
                return self._named(node)
            case Call():
                return self._call(node)

    def _named(self, node: Name | Select) -> Typed:
        path, places = _path(node)
        if path == ("now",):
            return Now()
        if path[0] not in ROOTS:
            raise RuleError(f"nothing is called `{path[0]}`", places[0], ROOTS)
        if path[0] == "audiences" and len(path) == 2:
            if path[1] not in self._audiences:
                raise RuleError(f"no audience `{path[1]}`", places[1], sorted(self._audiences))
            return Member(path[1])
        column = self._vocabulary.columns.get(path)
        if column is None:
            raise self._unknown(path, places)
        return column

    def _unknown(self, path: tuple[str, ...], places: list[Place]) -> RuleError:
        for n in range(1, len(path)):
            possible = self._after(path[:n])
            if path[n] not in possible:
                what = ".".join(path[:n])
                if not possible:
                    return RuleError(f"`{what}` has no parts", places[n])
                return RuleError(f"`{what}` has no `{path[n]}`", places[n], possible)
        what = ".".join(path)
        return RuleError(f"`{what}` is no value, name a part of it", places[0], self._after(path))

    def _after(self, path: tuple[str, ...]) -> list[str]:
        if path == ("audiences",):
            return sorted(self._audiences)
        return self._vocabulary.after(path)

    def _call(self, call: Call) -> Typed:
        name = call.function
        if call.target is not None:
            if name not in METHODS:
                raise self._no_method(call, call.target)
        elif name in self._special:
            return self._special[name](call)
        elif name not in FUNCTIONS and name not in SYMBOLS:
            raise RuleError(f"no function `{name}`", call.place, _ALL_FUNCTIONS)
        nodes = call.arguments if call.target is None else (call.target, *call.arguments)
        parts = tuple(self.check(n) for n in nodes)
        found = signatures.result(name, [p.type for p in parts])
        if isinstance(found, str):
            raise RuleError(found, call.place)
        return Apply(name, found, parts)

    def _no_method(self, call: Call, target: Node) -> RuleError:
        if isinstance(target, Name | Select) and (parts := self._after(_path(target)[0])):
            what = ".".join(_path(target)[0])
            return RuleError(f"`{what}` has no method `{call.function}`", call.place, parts)
        return RuleError(f"no method `{call.function}`", call.place, METHODS)

    def _has(self, call: Call) -> Typed:
        if len(call.arguments) == 1 and isinstance(call.arguments[0], Select):
            asked = call.arguments[0]
            if not asked.quoted:
                return _present(self._named(asked))
        raise RuleError("has() asks for one field, such as has(attributes.age)", call.place)

    def _in(self, call: Call) -> Typed:
        left, right = call.arguments
        match left, right:
            case Literal(str(name), place), Name("attributes", where):
                asked = Select(Name("attributes", where), name, place)
                return _present(self._named(asked))
        if not isinstance(right, Items):
            raise RuleError("behind `in` stands a list of constants, or `attributes`", start(right))
        value = self.check(left)
        return Apply("@in", Type.BOOL, (value, *(self._item(i, value.type) for i in right.items)))

    def _item(self, node: Node, type: Type) -> Constant:
        item = self.check(node)
        if not isinstance(item, Constant):
            raise RuleError("a list holds constants only", start(node))
        if item.type is not type and not {item.type, type} <= set(NUMBERS):
            raise RuleError(f"{_a(item.type)} in a list for {_a(type)}", start(node))
        return item

    def _minus(self, call: Call) -> Typed:
        part = self.check(call.arguments[0])
        if part.type not in NUMBERS:
            raise RuleError(f"`-` before {_a(part.type)}", call.place)
        least = constant(Type.INT, -_INT_MAX - 1)
        if isinstance(part, Constant) and not isinstance(part.value, str) and part != least:
            return _literal(-part.value, call.place)
        return Apply("-_", part.type, (part,))

    def _duration(self, call: Call) -> Typed:
        return constant(Type.DURATION, _text(call, duration_ms))

    def _timestamp(self, call: Call) -> Typed:
        return constant(Type.TIMESTAMP, _text(call, timestamp_ms))


def _text(call: Call, read: Callable[[str], int]) -> int:
    match call.arguments:
        case (Literal(str(text), place),):
            try:
                return read(text)
            except ValueError as error:
                raise RuleError(str(error), place) from None
    raise RuleError(f"{call.function}() takes one string as it is written", call.place)


def _literal(value: bool | int | float | str, place: Place) -> Constant:
    if isinstance(value, bool):
        return constant(Type.BOOL, value)
    if isinstance(value, str):
        return constant(Type.STRING, value)
    if isinstance(value, float):
        return constant(Type.DOUBLE, value)
    if not -_INT_MAX - 1 <= value <= _INT_MAX:
        raise RuleError("an int has 64 bits", place)
    return constant(Type.INT, value)


def _present(named: Typed) -> Typed:
    if isinstance(named, Column) and named.missing:
        return Present(named)
    return constant(Type.BOOL, True)


def _path(node: Name | Select) -> tuple[tuple[str, ...], list[Place]]:
    names: list[str] = []
    places: list[Place] = []
    at: Node = node
    while isinstance(at, Select):
        names.insert(0, at.field)
        places.insert(0, at.place)
        at = at.of
    if not isinstance(at, Name):
        raise RuleError("only names have fields", places[0], ROOTS)
    return (at.name, *names), [at.place, *places]


def _a(type: Type) -> str:
    return f"an {type.value}" if type is Type.INT else f"a {type.value}"
