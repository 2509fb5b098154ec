"""Programs of several audiences, their membership, and the preview of a new one."""

from __future__ import annotations

import numpy as np
import pytest

from afflux.audiences.checking import start
from afflux.audiences.instants import FARTHEST_MS
from afflux.audiences.membership import Memberships, Status, change
from afflux.audiences.preview import preview
from afflux.audiences.syntax import Call, Literal, Place, Select
from audience_cases import START, WORDS, Person, Table
from audience_rules import compile_rules, parse

ADULT: Person = {"now": START, "attributes.age": 30, "attributes.tier": "gold"}
CHILD: Person = {"now": START, "attributes.age": 8}
UNKNOWN: Person = {"now": START}
PEOPLE = Table([ADULT, CHILD, UNKNOWN])


def test_audiences_of_audiences() -> None:
    """An audience may come before the one that it needs; an error there is not inside."""
    rules = {
        "others": "!audiences.adults",
        "adults": "attributes.age >= 18",
        "gold_adults": "audiences.adults && attributes.tier == 'gold'",
    }
    program = compile_rules(rules, WORDS)
    answer = program.run(PEOPLE)
    assert program.names == ("others", "adults", "gold_adults")
    assert answer.inside.T.tolist() == [
        [False, True, True], [True, False, False], [True, False, False],
    ]  # fmt: skip
    assert answer.undecided.T.tolist() == [[False] * 3, [False, False, True], [False] * 3]


def test_what_several_rules_ask_is_computed_once() -> None:
    """A second rule of the same parts adds only what is new in it."""
    one = compile_rules({"a": "attributes.age > 3 && attributes.member"}, WORDS)
    two = compile_rules(
        {
            "a": "attributes.age > 3 && attributes.member",
            "b": "attributes.age > 3 || attributes.member",
        },
        WORDS,
    )
    assert len(two) == len(one) + 1


def test_equal_constants_of_other_types_are_apart() -> None:
    """1, 1.0 and true are one key in Python; in a rule they are three, and 0.0 is not -0.0."""
    rules = {
        "int": "attributes.age / 1 == attributes.age", "bool": "attributes.member == true",
        "double": "attributes.income * 1.0 > 0.0", "minus": "1.0 / 0.0 > 0.0 && 1.0 / -0.0 < 0.0",
    }  # fmt: skip
    person: Person = {
        "now": START, "attributes.age": 3, "attributes.member": True, "attributes.income": 2.0,
    }  # fmt: skip
    assert compile_rules(rules, WORDS).run(Table([person])).inside.all()


def test_nobody() -> None:
    """No people, and no audiences, are fine."""
    program = compile_rules({"adults": "attributes.age >= 18 || attributes.tier == 'a'"}, WORDS)
    assert program.run(Table([])).inside.shape == (0, 1)
    assert compile_rules({}, WORDS).run(PEOPLE).inside.shape == (3, 0)


def test_in_and_out_again() -> None:
    """Realized, existing, exited, out; the qualification is the last entry's and survives."""
    program = compile_rules({"adults": "attributes.age >= 18"}, WORDS)
    state, seen = Memberships.none(1, 1), []
    for day, age in enumerate([8, 18, 19, 9, 9, 20]):
        now = np.array([START + day])
        new = change(state, program.run(Table([{"now": START, "attributes.age": age}])), now)
        state = new.memberships
        seen.append((Status(new.status[0, 0]).name, int(state.qualified[0, 0]), bool(new.changed)))
    assert seen == [
        ("out", 0, False),
        ("realized", START + 1, True),
        ("existing", START + 1, False),
        ("exited", START + 1, True),
        ("out", START + 1, False),
        ("realized", START + 5, True),
    ]


def test_only_time_moves_timers() -> None:
    """Rules without `now` have no deadline; what is a century away has none either."""
    rules = {
        "adults": "attributes.age >= 18",
        "later": "now > timestamp('2017-01-02T00:00:00Z')",
        "far": "now > timestamp('2200-01-01T00:00:00Z')",
        "both": "audiences.adults && audiences.later",
    }
    program = compile_rules(rules, WORDS)
    answer = program.run(PEOPLE)
    day = START + 86_400_001
    assert program.timed == ("later", "far", "both")
    assert answer.deadline.tolist() == [[0, day, 0, day], [0, day, 0, 0], [0, day, 0, 0]]
    assert FARTHEST_MS < 183 * 366 * 86_400_000


def test_preview() -> None:
    """How many a rule takes, for how many it comes to an error, and who they are."""
    program = compile_rules({"adults": "attributes.age >= 18"}, WORDS)
    seen = preview(program, "adults", PEOPLE)
    assert (seen.asked, seen.inside, seen.undecided, seen.timed, seen.some) == (3, 1, 1, 0, (0,))
    assert seen.share == pytest.approx(1 / 3)


def test_the_tree_has_places() -> None:
    """Operators stand where they are written, names where their last part is."""
    rule = parse("attributes.age\n  >= -18")
    assert isinstance(rule, Call)
    assert (rule.function, rule.place, start(rule)) == ("_>=_", Place(2, 3), Place(1, 1))
    age, least = rule.arguments
    assert isinstance(age, Select)
    assert age.place == Place(1, 12)
    assert least == Literal(-18, Place(2, 6))


@pytest.mark.parametrize(
    "rule",
    [
        r"'\u00e9\x41\101\n\U0001F600' == 'éAA\n😀'", r"r'\n' != '\n'", "'''a'b''' == \"a'b\"",
        "0x1F == 31", "-0x1F == -31", "1e3 == 1000.0", "1-1 == 0", "- -1 == 1", "!!true",
        "true ? true : false ? false : true", "7 / -2 == -3", "-7 % 2 == -1", "1 + 2 * 3 == 7",
        "10 - 4 - 3 == 3", "true || false && false", "// a comment\n true", "(((true)))",
        "attributes['a name'] == 1 || !has(attributes.age)", "int(-2.9) == -2",
    ],
)  # fmt: skip
def test_reads_as_cel_does(rule: str) -> None:
    """Precedence, escapes, signs and comments."""
    assert compile_rules({"rule": rule}, WORDS).run(Table([UNKNOWN])).inside.all()


def test_a_choice_of_strings() -> None:
    """Each side keeps its words, constants and columns alike."""
    rules = {
        "gold": "(has(attributes.tier) ? attributes.tier : attributes.city) == 'gold'",
        "none": "(has(attributes.tier) ? attributes.tier : 'none') == 'none'",
        "town": "(has(attributes.tier) ? 'town' : attributes.city).endsWith('ln')",
    }
    people: list[Person] = [
        {"now": START, "attributes.tier": "gold"},
        {"now": START, "attributes.city": "gold"},
        {"now": START, "attributes.city": "Köln"},
    ]
    answer = compile_rules(rules, WORDS).run(Table(people))
    assert answer.inside.T.tolist() == [
        [True, True, False], [False, True, True], [False, False, True],
    ]  # fmt: skip


@pytest.mark.parametrize(("symbol", "inside"), [("&&", False), ("||", True)])
def test_two_sides_that_decide_hold_until_the_later(symbol: str, inside: bool) -> None:
    """What either side decides alone needs no timer before both have turned."""
    sides = [
        f"now {'>=' if symbol == '&&' else '<'} timestamp('2017-01-0{d}T00:00:00Z')" for d in (2, 3)
    ]
    answer = compile_rules({"rule": f" {symbol} ".join(sides)}, WORDS).run(Table([UNKNOWN]))
    assert answer.inside.tolist() == [[inside]]
    assert answer.deadline.tolist() == [[START + 2 * 86_400_000]]
