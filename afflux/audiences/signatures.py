"""Which types each operator, function and method of the subset takes, and what it gives."""

from __future__ import annotations

from collections.abc import Sequence

from afflux.audiences.typed import NUMBERS, Type

_B, _I, _D, _S, _T, _L = (
    Type.BOOL, Type.INT, Type.DOUBLE, Type.STRING, Type.TIMESTAMP, Type.DURATION
)  # fmt: skip

Found = Type | str
"""A type, or why there is none."""

FUNCTIONS = {"double": {_I: _D, _D: _D}, "int": {_D: _I, _I: _I}}
METHODS = ("contains", "endsWith", "startsWith")

SYMBOLS = {
    "_&&_": "&&", "_||_": "||", "!_": "!", "_?_:_": "? :", "_==_": "==", "_!=_": "!=",
    "_<_": "<", "_<=_": "<=", "_>_": ">", "_>=_": ">=", "_+_": "+", "_-_": "-", "_*_": "*",
    "_/_": "/", "_%_": "%", "-_": "-", "@in": "in",
}  # fmt: skip
"""How people write the operators."""

_ARITHMETIC = {
    "_+_": {
        (_I, _I): _I, (_D, _D): _D, (_T, _L): _T, (_L, _T): _T, (_L, _L): _L,
    },
    "_-_": {
        (_I, _I): _I, (_D, _D): _D, (_T, _L): _T, (_T, _T): _L, (_L, _L): _L,
    },
    "_*_": {(_I, _I): _I, (_D, _D): _D},
    "_/_": {(_I, _I): _I, (_D, _D): _D},
    "_%_": {(_I, _I): _I},
}  # fmt: skip


def result(function: str, types: Sequence[Type]) -> Found:
    """The type of a call, or why there is none.

    >>> result("_+_", [Type.TIMESTAMP, Type.DURATION])
    <Type.TIMESTAMP: 'timestamp'>
    >>> result("_*_", [Type.INT, Type.DOUBLE])
    'int * double: CEL does not mix them in arithmetic, write double(...) or int(...)'
    """
    if function in FUNCTIONS:
        return _function(function, types)
    if function in METHODS:
        if list(types) == [_S, _S]:
            return _B
        return f"{function}() is a method of a string and takes one string"
    if function in ("_&&_", "_||_", "!_"):
        wrong = [t.value for t in types if t is not _B]
        return f"`{SYMBOLS[function]}` takes bools, not {' and '.join(wrong)}" if wrong else _B
    if function == "_?_:_":
        return _choice(types)
    if function in _ARITHMETIC:
        return _arithmetic(function, types)
    left, right = types
    if left is right or {left, right} <= set(NUMBERS):
        return _B
    return f"{left.value} {SYMBOLS[function]} {right.value}: they cannot be compared"


def _function(function: str, types: Sequence[Type]) -> Found:
    takes = FUNCTIONS[function]
    if len(types) == 1 and types[0] in takes:
        return takes[types[0]]
    return f"{function}() takes one int or double"


def _choice(types: Sequence[Type]) -> Found:
    asked, yes, no = types
    if asked is not _B:
        return f"before `?` stands a bool, not {asked.value}"
    if yes is not no:
        return f"both sides of `:` have one type, not {yes.value} and {no.value}"
    return yes


def _arithmetic(function: str, types: Sequence[Type]) -> Found:
    left, right = types
    found = _ARITHMETIC[function].get((left, right))
    if found is not None:
        return found
    words = f"{left.value} {SYMBOLS[function]} {right.value}"
    if {left, right} == set(NUMBERS):
        return f"{words}: CEL does not mix them in arithmetic, write double(...) or int(...)"
    return f"{words} is not possible"
