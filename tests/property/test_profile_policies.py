"""Profiles by every policy, out of a worker's rows, against raw records: events and attributes."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from afflux.datasets import Declaration
from afflux.names import Dataset
from dataset_rig import DatasetSite
from enrich_rig import START

PEOPLE = ["crm:1", "device:a", "email:x"]
CRM = Declaration(Dataset("crm"), "record", "crm-records", 0, precedence=200)
TOPICS = {"attributes": "profile-attributes", "crm": "crm-records"}
RANKS = {"attributes": 100, "crm": 200}

events = st.lists(
    st.tuples(
        st.sampled_from(PEOPLE), st.sets(st.sampled_from(PEOPLE), max_size=1), st.integers(1, 50)
    ),
    min_size=1,
    max_size=6,
)
records = st.lists(
    st.tuples(
        st.sampled_from(sorted(TOPICS)),
        st.sampled_from(PEOPLE),
        st.integers(1, 30),
        st.dictionaries(st.sampled_from("ab"), st.integers(0, 3), max_size=2),
    ),
    max_size=8,
)


def linked(raw: list[tuple[str, set[str], int]], who: str, stitching: str) -> set[str]:
    """Who belongs together: everybody who can be reached over events that name both."""
    reached, size = {who}, 0
    while stitching == "graph" and size < len(reached):
        size = len(reached)
        for primary, others, _ in raw:
            if ({primary} | others) & reached:
                reached |= {primary} | others
    return reached


def expected(
    raw: list[tuple[str, set[str], int]],
    attributes: list[tuple[str, str, int, dict[str, int]]],
    who: str,
    policy: tuple[str, str],
) -> tuple[int, float, dict[str, int]]:
    """Events, money and attributes, counted and chosen from raw records."""
    people = linked(raw, who, policy[0])
    mine = [amount for primary, _, amount in raw if primary in people]
    last: dict[tuple[str, str], tuple[int, int, dict[str, int]]] = {}
    for place, (dataset, person, at, values) in enumerate(attributes):
        if person in people and (at, place) >= last.get((dataset, person), (0, 0, {}))[:2]:
            last[dataset, person] = at, place, values
    rank = RANKS if policy[1] == "dataSetPrecedence" else dict.fromkeys(RANKS, 0)
    said: dict[str, tuple[Any, int]] = {}
    for (dataset, person), (at, _, values) in last.items():
        for name, value in values.items():
            word = rank[dataset], at, person, dataset
            said[name] = max(said.get(name, ((-1,), 0)), (word, value))
    return len(mine), float(sum(mine)), {name: value for name, (_, value) in said.items()}


POLICIES = {
    "timestamp-ordered": ("graph", "timestampOrdered"),
    "dataset-precedence": ("graph", "dataSetPrecedence"),
    "unstitched": ("none", "timestampOrdered"),
}


async def seen(
    raw: list[tuple[str, set[str], int]], attributes: list[tuple[str, str, int, dict[str, int]]]
) -> dict[tuple[str, str], tuple[int, float, dict[str, Any]]]:
    """What readers get after a worker has folded all of it."""
    site = DatasetSite()
    await site.declare(lambda found: found.created(CRM))
    await site.start()
    for at, (primary, others, amount) in enumerate(raw):
        site.event(primary, at, *(others - {primary}), amount=amount)
    for dataset, person, moment, values in attributes:
        site.record(TOPICS[dataset], person, moment, **values)
    await site.worker.drain()
    found: dict[tuple[str, str], tuple[int, float, dict[str, Any]]] = {}
    for who in PEOPLE:
        for policy in POLICIES:
            space, _, id = who.partition(":")
            one = await site.reader.get(space, id, policy=policy)
            if one is None:
                found[who, policy] = 0, 0.0, {}
            else:
                assert one.engagement is not None
                facts = one.engagement.events, one.engagement.revenue
                found[who, policy] = (*facts, dict(one.attributes))
    return found


@settings(max_examples=25, deadline=None)
@given(events, records)
def test_profiles_are_what_raw_records_say(
    raw: list[tuple[str, set[str], int]],
    attributes: list[tuple[str, str, int, dict[str, int]]],
) -> None:
    """Counts, money and attributes of every person by every policy."""
    assert START > 0
    assert asyncio.run(seen(raw, attributes)) == {
        (who, name): expected(raw, attributes, who, policy)
        for who in PEOPLE
        for name, policy in POLICIES.items()
    }
