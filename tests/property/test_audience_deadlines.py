"""Until its deadline a membership stays what it is, and no change is missed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afflux.audiences.literals import LATEST_MS
from afflux.audiences.membership import Memberships, Status, change, earliest
from audience_cases import START, WORDS, Person, Table
from audience_rules import compile_rules

LENGTH = 80
"""Milliseconds that are looked at one by one."""

_spans = st.integers(-12, 12).map(lambda ms: f"duration('{ms}ms')")
_columns = st.sampled_from(["events.purchases.last", "events.views.last"])
_dates = st.integers(0, 30).map(lambda ms: f"timestamp('2017-01-01T00:00:00.{ms:03}Z')")
_times = st.one_of(
    st.just("now"),
    st.builds("now {} {}".format, st.sampled_from("+-"), _spans),
    st.builds("(now + (now - {}))".format, _columns),
    st.builds("({} - (now - {}))".format, _columns, _columns),
    st.builds("({} > 1 ? now : {})".format, st.just("attributes.age"), _columns),
)
_relations = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
_comparisons = st.one_of(
    st.builds("(now - {}) {} {}".format, _columns, _relations, _spans),
    st.builds("({} - now) {} {}".format, _columns, _relations, _spans),
    st.builds("({}) {} ({})".format, _times, _relations, _dates | _columns | _times),
)
_steady = st.sampled_from(
    ["has(events.views.last)", "attributes.age == 1", "attributes.member", "true", "false"]
)
_timed = st.recursive(
    _comparisons | _steady,
    lambda rule: st.one_of(
        st.builds("({}) && ({})".format, rule, rule),
        st.builds("({}) || ({})".format, rule, rule),
        st.builds("!({})".format, rule),
        st.builds("(({}) ? ({}) : ({}))".format, rule, rule, rule),
        st.builds("({}) == ({})".format, rule, rule),
    ),
    max_leaves=6,
)
_last = st.integers(START - 15, START + 15)
_people: st.SearchStrategy[Person] = st.fixed_dictionaries(
    {},
    optional={
        "events.purchases.last": _last,
        "events.views.last": _last,
        "attributes.age": st.integers(0, 2),
        "attributes.member": st.booleans(),
    },
)


def moments(person: Person) -> Table:
    """One person at every millisecond."""
    return Table([{**person, "now": START + ms} for ms in range(LENGTH)])


@settings(max_examples=80, deadline=None)
@given(_timed, _timed, _people)
def test_nothing_changes_before_the_deadline(rule: str, other: str, person: Person) -> None:
    """At each millisecond up to the deadline the rule says what it said; audiences pass it on."""
    rules = {"other": other, "rule": rule, "both": f"audiences.other && ({rule})"}
    answer = compile_rules(rules, WORDS).run(moments(person))
    for a in range(len(rules)):
        inside, deadline = answer.inside[:, a], answer.deadline[:, a] - START
        for ms in range(LENGTH):
            end = int(deadline[ms]) if deadline[ms] > -START else LENGTH
            assert end > ms
            assert (inside[ms : min(end, LENGTH)] == inside[ms]).all()


@settings(max_examples=80, deadline=None)
@given(_timed, _people)
def test_timers_alone_find_every_change(rule: str, person: Person) -> None:
    """From deadline to deadline a person comes in and leaves when each millisecond says so."""
    program = compile_rules({"rule": rule}, WORDS)
    inside = program.run(moments(person)).inside[:, 0]
    expected = [ms for ms in range(1, LENGTH) if inside[ms] != inside[ms - 1]]
    state, ms, seen = Memberships.none(1, 1), 0, []
    while ms < LENGTH:
        now = np.array([START + ms])
        new = change(state, program.run(Table([{**person, "now": START + ms}])), now)
        if new.changed[0] and ms:
            seen.append(ms)
            wanted = Status.realized if inside[ms] else Status.exited
            assert new.status[0, 0] == wanted
        state = new.memberships
        ms = int(new.deadline[0]) - START if new.deadline[0] else LENGTH
    assert seen == expected


@settings(max_examples=80, deadline=None)
@given(_comparisons, _people)
def test_the_deadline_of_one_comparison_is_the_change(rule: str, person: Person) -> None:
    """A timer for a single comparison does not come in vain."""
    if "?" in rule:
        return
    answer = compile_rules({"rule": rule}, WORDS).run(moments(person))
    for ms in range(LENGTH - 1):
        end = int(answer.deadline[ms, 0]) - START
        if 0 <= end < LENGTH:
            assert answer.inside[end, 0] != answer.inside[ms, 0]


@pytest.mark.parametrize("days", [7, 14])
def test_a_window_runs_out(days: int) -> None:
    """Bought in the last days: inside until exactly so many days after, and then out."""
    rule = f"now - events.purchases.last < duration('{24 * days}h')"
    program = compile_rules({"buyers": rule}, WORDS)
    end = START + days * 86_400_000
    bought = {"events.purchases.last": START}
    answer = program.run(Table([{**bought, "now": t} for t in (START, end - 1, end)]))
    assert answer.inside[:, 0].tolist() == [True, True, False]
    assert earliest(answer.deadline).tolist() == [end, end, 0]


@pytest.mark.parametrize("rate", ["now + duration('10ms')", "now + (now - now + duration('10ms'))"])
def test_the_end_of_time_is_a_change_too(rate: str) -> None:
    """A sum that leaves the years of CEL becomes an error at its millisecond, deadline first."""
    program = compile_rules({"rule": f"{rate} > now"}, WORDS)
    answer = program.run(Table([{"now": LATEST_MS - ms} for ms in (30, 11, 10, 9)]))
    assert answer.inside[:, 0].tolist() == [True, True, True, False]
    assert answer.deadline[:, 0].tolist() == [LATEST_MS - 9] * 3 + [0]
