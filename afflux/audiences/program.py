"""All audiences as one list of array operations; what several rules ask is computed once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Protocol

import numpy as np

from afflux.audiences.checking import check
from afflux.audiences.instants import FARTHEST_MS
from afflux.audiences.operations import operation
from afflux.audiences.refusal import RuleError
from afflux.audiences.syntax import Name, Node, Place, Select, inside
from afflux.audiences.typed import Apply, Column, Constant, Member, Now, Present, Type, Typed
from afflux.audiences.values import Value
from afflux.audiences.vocabulary import Vocabulary
from afflux.columns import I64, Bool


class Frame(Protocol):
    """n people at their times."""

    @property
    def now(self) -> I64:
        """(n,) event time that each is asked about, ms."""
        ...

    def column(self, column: Column) -> Value:
        """A column of the vocabulary: int64, float64, bool or strings; times in ms."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """Who is in which audience; audiences in the order of the program's names."""

    inside: Bool
    """(n, audiences). An error is not inside."""
    undecided: Bool
    """(n, audiences) where the rule came to an error."""
    deadline: I64
    """(n, audiences) first time at which, with no event, `inside` may be another; 0 never."""


Slots = list[Value]
Instruction = Callable[[Frame, Slots], Value]


class Program:
    """Rules that were found good.

    Attributes:
        names: the audiences, in the order that they were given in.
        columns: what the rules read.
        timed: the audiences that may change with no event.
    """

    def __init__(self, rules: Mapping[str, Node], vocabulary: Vocabulary) -> None:
        """Raises RuleError."""
        self.names = tuple(rules)
        self._slot: dict[Typed, int] = {}
        self._instructions: list[Instruction] = []
        self._moving: list[bool] = []
        self._result: dict[str, int] = {}
        for name in _order(rules):
            try:
                typed = check(rules[name], vocabulary, rules.keys())
            except RuleError as error:
                raise error.of(name) from None
            self._result[name] = self._place(typed)
        self.columns = tuple(t for t in self._slot if isinstance(t, Column))
        self.timed = tuple(n for n in self.names if self._moving[self._result[n]])

    def __len__(self) -> int:
        return len(self._instructions)

    def run(self, frame: Frame) -> Answer:
        """Everybody's memberships.

        The time of each person decides; nothing depends on who else is in the frame.
        """
        slots: Slots = []
        with np.errstate(all="ignore"):
            for instruction in self._instructions:
                slots.append(instruction(frame, slots))
        return self._answer(frame, [slots[self._result[name]] for name in self.names])

    def _answer(self, frame: Frame, found: Sequence[Value]) -> Answer:
        shape = (len(found), len(frame.now))
        inside, undecided = np.empty(shape, np.bool_), np.zeros(shape, np.bool_)
        deadline = np.zeros(shape, np.int64)
        for a, value in enumerate(found):
            inside[a] = value.data
            if value.error is not None:
                undecided[a] = value.error
            if value.holds is not None:
                deadline[a] = np.where(value.holds < FARTHEST_MS, frame.now + value.holds, 0)
        return Answer(inside.T, undecided.T, deadline.T)

    def _place(self, part: Typed) -> int:
        """The slot of a part; equal parts share one."""
        if part not in self._slot:
            instruction, moving = self._instruction(part)
            self._slot[part] = len(self._instructions)
            self._instructions.append(instruction)
            self._moving.append(moving)
        return self._slot[part]

    def _instruction(self, part: Typed) -> tuple[Instruction, bool]:
        match part:
            case Constant():
                value = _constant(part)
                return lambda frame, slots: value, False
            case Now():
                return lambda frame, slots: Value(frame.now, rate=_ONE), True
            case Column():
                return lambda frame, slots: frame.column(part), False
            case Present(column):
                return _present(self._place(column)), False
            case Member(audience):
                at = self._result[audience]
                return _member(at), self._moving[at]
            case Apply(parts=parts):
                places = [self._place(p) for p in parts]
                return _applied(part, places), any(self._moving[p] for p in places)


def _applied(part: Apply, places: Sequence[int]) -> Instruction:
    compute = operation(part)
    return lambda frame, slots: compute([slots[p] for p in places])


def _present(at: int) -> Instruction:
    def present(frame: Frame, slots: Slots) -> Value:
        error = slots[at].error
        return Value(_ALL if error is None else ~error)

    return present


def _member(at: int) -> Instruction:
    """Another audience: there are no errors in a membership."""
    return lambda frame, slots: Value(slots[at].data, holds=slots[at].holds)


def _constant(part: Constant) -> Value:
    if isinstance(part.value, str):
        return Value(np.zeros(1, np.int64), words=(part.value,))
    return Value(np.array([part.value], _DTYPES[part.type]))


def _order(rules: Mapping[str, Node]) -> list[str]:
    """Every audience behind those that it names. Raises RuleError for a circle."""
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for name, rule in rules.items():
        sorter.add(name, *(other for other, _ in _others(rule) if other in rules))
    try:
        return list(sorter.static_order())
    except CycleError as error:
        circle = error.args[1][::-1]  # each names the next one
        [place, *_] = [place for other, place in _others(rules[circle[0]]) if other == circle[1]]
        reason = f"audiences in a circle: {' -> '.join(circle)}"
        raise RuleError(reason, place, audience=circle[0]) from None


def _others(rule: Node) -> list[tuple[str, Place]]:
    return [
        (n.field, n.place)
        for n in inside(rule)
        if isinstance(n, Select) and isinstance(n.of, Name) and n.of.name == "audiences"
    ]


_ONE = np.ones(1, np.int64)
_ALL = np.ones(1, np.bool_)
_DTYPES = {
    Type.BOOL: np.bool_, Type.INT: np.int64, Type.DOUBLE: np.float64,
    Type.TIMESTAMP: np.int64, Type.DURATION: np.int64,
}  # fmt: skip
