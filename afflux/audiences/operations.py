"""Which function computes an operation on parts of which types."""

from __future__ import annotations

import operator

import numpy as np

from afflux.audiences import arithmetic, instants, logic, text
from afflux.audiences.arithmetic import Operation
from afflux.audiences.typed import NUMBERS, TIMES, Apply, Type

_NUMBERS = {
    "_==_": np.equal, "_!=_": np.not_equal, "_<_": np.less, "_<=_": np.less_equal,
    "_>_": np.greater, "_>=_": np.greater_equal,
}  # fmt: skip
_STRINGS = {
    "_==_": operator.eq, "_!=_": operator.ne, "_<_": operator.lt, "_<=_": operator.le,
    "_>_": operator.gt, "_>=_": operator.ge,
}  # fmt: skip

_LOGIC: dict[str, Operation] = {
    "_&&_": logic.conjunction, "_||_": logic.disjunction, "!_": logic.negation,
    "_?_:_": logic.choice, "contains": text.contains, "startsWith": text.starts_with,
    "endsWith": text.ends_with,
}  # fmt: skip
_INTS: dict[str, Operation] = {
    "_+_": arithmetic.ints(arithmetic.add), "_-_": arithmetic.ints(arithmetic.subtract),
    "_*_": arithmetic.ints(arithmetic.multiply), "_/_": arithmetic.ints(arithmetic.divide),
    "_%_": arithmetic.ints(arithmetic.remainder), "-_": arithmetic.negative_int,
    "double": arithmetic.to_double, "int": arithmetic.unchanged,
}  # fmt: skip
_DOUBLES: dict[str, Operation] = {
    "_+_": arithmetic.doubles(np.add), "_-_": arithmetic.doubles(np.subtract),
    "_*_": arithmetic.doubles(np.multiply), "_/_": arithmetic.doubles(np.divide),
    "-_": arithmetic.negative_double, "double": arithmetic.unchanged, "int": arithmetic.to_int,
}  # fmt: skip
_SIGNS = {"_+_": 1, "_-_": -1}


def operation(part: Apply) -> Operation:
    """The function that computes a checked part.

    >>> from afflux.audiences.typed import constant
    >>> two = constant(Type.INT, 2)
    >>> operation(Apply("_*_", Type.INT, (two, two))) is _INTS["_*_"]
    True
    """
    name, first = part.operation, part.parts[0].type
    if name in _LOGIC:
        return _LOGIC[name]
    if name in _NUMBERS:
        return _comparison(name, first)
    if name == "@in":
        return _within(part, first)
    if part.type in TIMES:
        return instants.sum_of(_SIGNS[name], part.type.value)
    return (_INTS if first is Type.INT else _DOUBLES)[name]


def _comparison(name: str, type: Type) -> Operation:
    if type is Type.STRING:
        return text.asked(_STRINGS[name])
    if type in TIMES:
        return instants.comparison(name.strip("_"), _NUMBERS[name])
    return arithmetic.comparison(_NUMBERS[name])


def _within(part: Apply, type: Type) -> Operation:
    if type is Type.STRING:
        return text.within
    if type in NUMBERS or type is Type.BOOL:
        return arithmetic.within
    return instants.within
