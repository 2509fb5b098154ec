"""Compiled rules say what Google's CEL says."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from audience_cases import START, WORDS, Person, Table, told
from audience_rules import compile_rules
from audience_strategies import people, rules

NOBODY: Person = {"now": START}
BIG: Person = {"now": START, "attributes.age": 2**53 + 1, "attributes.income": 2.0**53}


def assert_agrees(rule: str, other: str, persons: list[Person]) -> None:
    """True, false and error of each person, beside each other, and of another audience."""
    other = other.replace("audiences.other", "true")
    program = compile_rules({"rule": rule, "other": other}, WORDS)
    answer = program.run(Table(persons))
    for i, person in enumerate(persons):
        among = told(other, person, {}) is True
        expected = told(rule, person, {"other": among})
        assert answer.inside[i].tolist() == [expected is True, among]
        assert answer.undecided[i, 0] == (expected is None)


@settings(max_examples=100, deadline=None)
@given(rules(), rules(3), st.lists(people, min_size=1, max_size=4))
@example("attributes.age == attributes.income", "true", [BIG, NOBODY])
@example("attributes.age * attributes.age < 0 || true", "true", [BIG])
@example("-(-9223372036854775808) < 0", "true", [NOBODY])
@example("audiences.other == false", "attributes.age == 1", [NOBODY])
def test_a_rule_is_what_cel_says(rule: str, other: str, persons: list[Person]) -> None:
    """Random rules of every operation over random people."""
    assert_agrees(rule, other, persons)


@pytest.mark.slow
@settings(max_examples=1000, deadline=None)
@given(rules(5), rules(3), st.lists(people, min_size=1, max_size=4))
def test_deep_rules_are_what_cel_says(rule: str, other: str, persons: list[Person]) -> None:
    """More of them, with more inside each other."""
    assert_agrees(rule, other, persons)


_numbers = st.sampled_from(["attributes.age", "1", "2", "-3", "-attributes.age", "0x10"])
_sums = st.lists(
    st.tuples(_numbers, st.sampled_from(["+", "-", "*", "/", "%", "-  "])), min_size=1, max_size=4
).map(lambda parts: " ".join(word for part in parts for word in part).rstrip("+-*/% "))
_tests = st.builds(
    "{}{} {}{}".format, _sums, st.sampled_from([" <", ">", " ==", "!="]), _sums, st.just("")
) | st.sampled_from(["true", "!attributes.member", "!!has(attributes.age)", "1 in [1]"])
_logic = st.lists(
    st.tuples(_tests, st.sampled_from(["&&", "||", "\n||"])), min_size=1, max_size=5
).map(lambda parts: " ".join(word for part in parts for word in part).rstrip("&|\n "))
_unbracketed = _logic | st.builds("{} ? {} : {}".format, _logic, _logic, _logic)


@settings(max_examples=100, deadline=None)
@given(_unbracketed, people)
def test_rules_are_read_as_cel_reads_them(rule: str, person: Person) -> None:
    """Precedence and grouping without brackets, signs beside operators, lines."""
    answer = compile_rules({"rule": rule}, WORDS).run(Table([person]))
    expected = told(rule, person, {})
    assert answer.inside[0, 0] == (expected is True)
    assert answer.undecided[0, 0] == (expected is None)
