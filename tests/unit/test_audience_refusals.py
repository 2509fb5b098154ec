"""What lies outside the subset is refused when a rule is compiled, with its place."""

from __future__ import annotations

import pytest

from afflux.audiences.refusal import RuleError
from audience_cases import WORDS
from audience_rules import compile_rules
from audience_rules.parsing import DEEPEST, LONGEST

REFUSED = {
    "attributes.age >": "column 17: no CEL: something is missing at the end",
    "attributes.age = 3": "column 16: no CEL: `=` cannot stand here",
    "true &&\n  'abc": "line 2, column 3: no CEL: `'` cannot stand here",
    "": "column 1: no CEL: something is missing at the end",
    "now": "column 1: a rule is a bool, this is a timestamp",
    "person.age > 3": "column 1: nothing is called `person`; possible here: attributes",
    "while": "column 1: `while` is a word that CEL reserves",
    "profile.tenur > 1.0": "column 9: `profile` has no `tenur`; possible here: tenure",
    "scores.churn > 0.5": "column 1: `scores.churn` is no value, name a part of it; possible here: "
    "bucket, percentile, trusted, value",
    "scores.churn.value.x > 0.5": "column 20: `scores.churn.value` has no parts",
    "now.year > 3": "column 5: `now` has no parts",
    "events.revenue.last < now": "column 16: `events.revenue` has no `last`; possible here: "
    "decayed_60d, decayed_7d, total",
    "audiences.loyal": "column 11: no audience `loyal`; possible here: rule",
    "audiences.rule": "column 11: audiences in a circle: rule -> rule",
    "events.purchases.count(7) > 1": "column 18: `events.purchases` has no method `count`; "
    "possible here: decayed_60d, decayed_7d, last, total",
    "size(attributes.tier) > 1": "column 1: no function `size`; possible here: double, duration, "
    "has, int, timestamp",
    "[1, 2].exists(x, x > 1)": "column 8: no method `exists`",
    "attributes.tier.matches('a.*')": "column 17: no method `matches`; possible here: "
    "contains, endsWith, startsWith",
    "now.getHours() > 8": "column 5: no method `getHours`",
    "attributes.age == null": "column 19: null (ask has(...) for what is missing) is not possible",
    "attributes.age > 1u": "column 18: an unsigned number is not possible",
    "attributes.tier == b'x'": "column 20: a string of bytes is not possible",
    "{'a': 1}.a == 1": "column 10: only names have fields",
    "attributes.age == {1: 2}": "column 19: a map is not possible",
    "[attributes.age] == [1]": "column 1: a list can only stand behind `in`",
    "attributes[1] == 1": "column 12: an index that is no string is not possible",
    ".now == now": "column 1: a leading dot is not possible",
    "x{a: 1}": "column 1: a message is not possible",
    "attributes.age + 1.0 > 2.0": "column 16: int + double: CEL does not mix them in arithmetic",
    "'a' + 'b' == 'ab'": "column 5: string + string is not possible",
    "attributes.income % 2.0 == 0.0": "column 19: double % double is not possible",
    "now + now > now": "column 5: timestamp + timestamp is not possible",
    "attributes.age == '18'": "column 16: int == string: they cannot be compared",
    "now > duration('1s')": "column 5: timestamp > duration: they cannot be compared",
    "!attributes.age": "column 1: `!` takes bools, not int",
    "true && attributes.age": "column 1: `&&` takes bools, not int",
    "-attributes.tier == 'a'": "column 1: `-` before a string",
    "attributes.age ? true : false": "column 1: before `?` stands a bool, not int",
    "(true ? 1 : 'a') == 1": "column 2: both sides of `:` have one type, not int and string",
    "attributes.tier.contains(1)": "column 17: contains() is a method of a string",
    "int('3') == 3": "column 1: int() takes one int or double",
    "attributes.age in attributes.tier": "column 19: behind `in` stands a list of constants",
    "attributes.age in [attributes.age]": "column 20: a list holds constants only",
    "attributes.age in [1, 'a']": "column 23: a string in a list for an int",
    "'agee' in attributes": "column 1: `attributes` has no `agee`",
    "has(now)": "column 1: has() asks for one field",
    "has(attributes['age'])": "column 1: has() asks for one field",
    "has(attributes.agee)": "column 16: `attributes` has no `agee`",
    "now > timestamp('2017-01-01')": 'column 17: "2017-01-01" is no timestamp such as',
    "now > timestamp('2017-01-01T00:00:00.0001Z')": "is finer than a millisecond",
    "now > timestamp('2017-02-30T00:00:00Z')": "is no timestamp",
    "now - now > duration('7d')": 'column 22: "7d" is no duration: CEL knows h, m, s and ms',
    "now - now > duration('1us')": "is finer than a millisecond",
    "now - now > duration('9999999h')": "is longer than 292 years",
    "now - now > duration(attributes.tier)": "duration() takes one string as it is written",
    "attributes.age > 9223372036854775808": "column 18: an int has 64 bits",
    "attributes.income > 1.": "column 21: `1.` is no number: a digit stands behind the point",
    r"attributes.tier == 'a\q'": r"column 20: `\q` is no escape of CEL",
    r"attributes.tier == '\ud800'": r"column 20: `\ud800` is no character",
    "!" * (DEEPEST + 1) + "true": f"more than {DEEPEST} parts within parts",
    "true " + "|| true " * 400: "a rule of 801 parts; 500 are possible",
    " " * LONGEST + "true": "column 1: a rule has at most 10,000 characters",
}


@pytest.mark.parametrize(("rule", "reason"), REFUSED.items())
def test_refused_with_its_place(rule: str, reason: str) -> None:
    """The message names the audience, line and column, the reason, and what is possible."""
    with pytest.raises(RuleError) as refusal:
        compile_rules({"rule": rule}, WORDS)
    assert reason in str(refusal.value)
    assert str(refusal.value).startswith("audience rule, line ")


def test_a_circle_is_named() -> None:
    """Audiences that need each other are refused at the place of the name, circle and all."""
    rules = {"a": "audiences.b", "b": "true ||\n audiences.c", "c": "audiences.a", "d": "true"}
    with pytest.raises(RuleError, match=r"a -> b -> c -> a|b -> c -> a -> b|c -> a -> b -> c"):
        compile_rules(rules, WORDS)


def test_long_is_not_deep() -> None:
    """Hundreds of alternatives, and a hundred brackets, are no trouble."""
    compile_rules({"rule": "attributes.age == 1" + " || attributes.age == 2" * 90}, WORDS)
    compile_rules({"rule": "(" * 100 + "true" + ")" * 100}, WORDS)
