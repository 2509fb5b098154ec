"""Random rules, of every operation of the subset, and random people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from audience_cases import START, Person

Draw = Callable[[st.SearchStrategy[Any]], Any]

_MAX = 2**63 - 1
INTS = [0, 1, -1, 2, 3, 7, -7, 18, 2**53, 2**53 + 1, -(2**53) - 1, _MAX, -_MAX - 1, _MAX // 2 + 1]
DOUBLES = [
    0.0, -0.0, 1.0, -1.5, 2.5, 3.0, 7.0, 0.1, 1e300, -1e300, 2.0**53, 2.0**63, -(2.0**63), 1e-300,
]  # fmt: skip
WORDS = ["", "a", "ab", "b", "gold", "Köln", "low", "high", "a\nb", "😀", "q\"'"]
SPANS = ["0s", "1ms", "-1ms", "5ms", "1.5s", "336h", "-24h", "2500000h"]
TIMES = [
    "2017-01-01T00:00:00Z", "2016-12-31T23:59:59.999Z", "2017-01-01T01:00:00.001+01:00",
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z", "1969-12-31T23:59:59.5Z",
]  # fmt: skip

_NAMES = {
    "bool": ["attributes.member", "scores.churn.trusted", "audiences.other"],
    "int": [
        "attributes.age", "events.purchases.total", "scores.churn.percentile",
        'attributes["a name"]',
    ],
    "double": [
        "attributes.income", "profile.tenure", "scores.churn.value", "events.revenue.total",
        "events.views.decayed_7d",
    ],
    "string": ["attributes.tier", "attributes.city", "scores.churn.bucket"],
    "timestamp": ["now", "now", "events.purchases.last", "events.views.last"],
}  # fmt: skip
_ASKED = [
    "has(attributes.age)", "has(attributes.tier)", "has(events.purchases.last)",
    "has(scores.churn.value)", "has(profile.tenure)", "'income' in attributes",
]  # fmt: skip
_ORDER = ["<", "<=", ">", ">=", "==", "!="]
_TYPES = ["bool", "int", "double", "string", "timestamp", "duration"]


@st.composite
def rules(draw: Draw, depth: int = 4) -> str:
    """A rule with its parts in brackets."""
    return _expression(draw, "bool", draw(st.integers(1, depth)))


def _expression(draw: Draw, type: str, depth: int) -> str:
    if depth <= 0 or draw(st.integers(0, 5)) == 0:
        return _atom(draw, type)
    make = {
        "bool": _bool, "int": _int, "double": _double, "string": _choice_of("string"),
        "timestamp": _timestamp, "duration": _duration,
    }[type]  # fmt: skip
    return make(draw, depth - 1)


def _atom(draw: Draw, type: str) -> str:
    if type in _NAMES and draw(st.integers(0, 2)):
        return str(draw(st.sampled_from(_NAMES[type])))
    return _literal(draw, type)


def _literal(draw: Draw, type: str) -> str:
    if type == "bool":
        return str(draw(st.sampled_from(["true", "false", *_ASKED, *_ASKED])))
    if type == "int":
        return str(draw(st.sampled_from(INTS)))
    if type == "double":
        return repr(draw(st.sampled_from(DOUBLES)))
    if type == "string":
        return _quoted(draw(st.sampled_from(WORDS)))
    if type == "timestamp":
        return f"timestamp('{draw(st.sampled_from(TIMES))}')"
    return f'duration("{draw(st.sampled_from(SPANS))}")'


def _quoted(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _bool(draw: Draw, depth: int) -> str:
    form = draw(st.integers(0, 9))
    if form <= 2:
        a, b = _expression(draw, "bool", depth), _expression(draw, "bool", depth)
        return f"({a}) {draw(st.sampled_from(['&&', '||']))} ({b})"
    if form == 3:
        return f"!({_expression(draw, 'bool', depth)})"
    if form == 4:
        return _choice_of("bool")(draw, depth)
    if form == 5:
        method = draw(st.sampled_from(["startsWith", "endsWith", "contains"]))
        a, b = _expression(draw, "string", depth), _expression(draw, "string", depth)
        return f"({a}).{method}({b})"
    if form == 6:
        return _in(draw, depth)
    left = draw(st.sampled_from(_TYPES))
    right = draw(st.sampled_from(["int", "double"])) if left in ("int", "double") else left
    a, b = _expression(draw, left, depth), _expression(draw, right, depth)
    return f"({a}) {draw(st.sampled_from(_ORDER))} ({b})"


def _in(draw: Draw, depth: int) -> str:
    type = draw(st.sampled_from(_TYPES))
    kind = {"bool": "true_or_false"}.get(type, type)
    items = [
        draw(st.sampled_from(["true", "false"])) if kind != type else _literal(draw, type)
        for _ in range(draw(st.integers(0, 3)))
    ]
    if type in ("int", "double") and draw(st.booleans()):
        items.append(_literal(draw, draw(st.sampled_from(["int", "double"]))))
    return f"({_expression(draw, type, depth)}) in [{', '.join(items)}]"


def _int(draw: Draw, depth: int) -> str:
    form = draw(st.integers(0, 7))
    if form == 0:
        return f"-({_expression(draw, 'int', depth)})"
    if form == 1:
        return f"int({_expression(draw, draw(st.sampled_from(['int', 'double'])), depth)})"
    if form == 2:
        return _choice_of("int")(draw, depth)
    return _arithmetic(draw, "int", ["+", "-", "*", "/", "%"], depth)


def _double(draw: Draw, depth: int) -> str:
    form = draw(st.integers(0, 7))
    if form == 0:
        return f"-({_expression(draw, 'double', depth)})"
    if form == 1:
        return f"double({_expression(draw, draw(st.sampled_from(['int', 'double'])), depth)})"
    if form == 2:
        return _choice_of("double")(draw, depth)
    return _arithmetic(draw, "double", ["+", "-", "*", "/"], depth)


def _arithmetic(draw: Draw, type: str, symbols: list[str], depth: int) -> str:
    a, b = _expression(draw, type, depth), _expression(draw, type, depth)
    return f"({a}) {draw(st.sampled_from(symbols))} ({b})"


def _timestamp(draw: Draw, depth: int) -> str:
    form = draw(st.integers(0, 3))
    at = _expression(draw, "timestamp", depth)
    if form == 0:
        return _choice_of("timestamp")(draw, depth)
    span = _expression(draw, "duration", depth)
    if form == 1:
        return f"({span}) + ({at})"
    return f"({at}) {'+' if form == 2 else '-'} ({span})"


def _duration(draw: Draw, depth: int) -> str:
    form = draw(st.integers(0, 4))
    if form == 0:
        return _choice_of("duration")(draw, depth)
    if form == 1:
        return _arithmetic(draw, "duration", ["+", "-"], depth)
    a, b = _expression(draw, "timestamp", depth), _expression(draw, "timestamp", depth)
    return f"({a}) - ({b})"


def _choice_of(type: str) -> Callable[[Draw, int], str]:
    def choice(draw: Draw, depth: int) -> str:
        asked = _expression(draw, "bool", depth)
        a, b = _expression(draw, type, depth), _expression(draw, type, depth)
        return f"({asked}) ? ({a}) : ({b})"

    return choice


_INTS, _WORDS = st.sampled_from(INTS), st.sampled_from(WORDS)
_DOUBLES = st.sampled_from([*DOUBLES, float("nan"), float("inf"), -float("inf")])
_NEAR = st.integers(START - 10, START + 10) | st.sampled_from([0, START - 14 * 86_400_000])

people: st.SearchStrategy[Person] = st.fixed_dictionaries(
    {"now": _NEAR},
    optional={
        "attributes.age": _INTS,
        "attributes.a name": _INTS,
        "attributes.income": _DOUBLES,
        "attributes.tier": _WORDS,
        "attributes.city": _WORDS,
        "attributes.member": st.booleans(),
        "profile.tenure": _DOUBLES,
        "scores.churn.value": _DOUBLES,
        "scores.churn.percentile": st.integers(1, 100),
        "scores.churn.bucket": st.sampled_from(["low", "medium", "high"]),
        "scores.churn.trusted": st.booleans(),
        "events.purchases.total": st.sampled_from([0, 1, 2, 7]),
        "events.revenue.total": _DOUBLES,
        "events.views.decayed_7d": _DOUBLES,
        "events.purchases.last": _NEAR,
        "events.views.last": _NEAR,
    },
)
