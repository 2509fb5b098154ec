"""Compiled rules say what Google's CEL says."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from audience_cases import START, WORDS, Person, Table, told
from audience_rules import compile_rules
from audience_strategies import people, rules

NOBODY: Person = {"now": START}
BIG: Person = {"now": START, "attributes.age": 2**53 + 1, "attributes.income": 2.0**53}


@settings(max_examples=400, deadline=None)
@given(rules(), rules(3), st.lists(people, min_size=1, max_size=4))
@example("attributes.age == attributes.income", "true", [BIG, NOBODY])
@example("attributes.age * attributes.age < 0 || true", "true", [BIG])
@example("audiences.other == false", "attributes.age == 1", [NOBODY])
def test_a_rule_is_what_cel_says(rule: str, other: str, persons: list[Person]) -> None:
    """True, false and error of each person, alone or beside others, and of other audiences."""
    other = other.replace("audiences.other", "true")
    program = compile_rules({"rule": rule, "other": other}, WORDS)
    answer = program.run(Table(persons))
    for i, person in enumerate(persons):
        among = told(other, person, {}) is True
        expected = told(rule, person, {"other": among})
        assert answer.inside[i].tolist() == [expected is True, among]
        assert answer.undecided[i, 0] == (expected is None)
