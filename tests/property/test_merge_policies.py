"""Merge policies against an oracle that knows raw records only, and the laws of the merge."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from afflux.attributes import AttributeRecord, fold_attributes, stored_facts
from afflux.datasets import Declaration
from afflux.merge_policy import MergePolicy, Ordering, Source, combined
from afflux.names import Dataset, Identity

DATASETS = [Dataset(name) for name in ("attributes", "crm", "web")]
PEOPLE = [Identity(name) for name in (b"crm:1", b"device:a", b"email:x")]
NOW = 100


@dataclass(frozen=True)
class Raw:
    """A record as it was produced."""

    dataset: Dataset
    record: AttributeRecord


raw_records = st.lists(
    st.builds(
        lambda dataset, who, at, values: (dataset, who, at, values),
        st.sampled_from(DATASETS),
        st.sampled_from(PEOPLE),
        st.integers(1, NOW),
        st.dictionaries(st.sampled_from("abc"), st.integers(0, 3), max_size=3),
    ),
    max_size=25,
).map(
    lambda rows: [
        Raw(dataset, AttributeRecord(offset, at, who, values))
        for offset, (dataset, who, at, values) in enumerate(rows)
    ]
)

declarations = st.tuples(*[st.tuples(st.integers(0, 2), st.sampled_from([0, 1, 30]))] * 3).map(
    lambda each: [
        Declaration(name, "record", name, number, precedence=precedence, ttl_ms=ttl)
        for number, (name, (precedence, ttl)) in enumerate(zip(DATASETS, each, strict=True), 1)
    ]
)

policies = st.one_of(
    st.just(MergePolicy()),
    st.builds(
        lambda order: MergePolicy(attributes="dataSetPrecedence", order=tuple(order)),
        st.lists(st.sampled_from(DATASETS), unique=True),
    ),
)


def folded(raw: list[Raw], cuts: list[int]) -> list[Source]:
    """What rows say after all records, folded in batches that end at `cuts`."""
    rows: dict[tuple[Identity, Dataset], bytes] = {}
    ends = sorted({min(cut, len(raw)) for cut in cuts} | {0, len(raw)})
    for a, b in itertools.pairwise(ends):
        batch: dict[tuple[Identity, Dataset], list[AttributeRecord]] = {}
        for one in raw[a:b]:
            batch.setdefault((one.record.identity, one.dataset), []).append(one.record)
        for place, records in batch.items():
            rows[place] = fold_attributes(rows.get(place), records, 0)
    return [Source(who, dataset, stored_facts(data)) for (who, dataset), data in rows.items()]


def naive(
    raw: list[Raw], policy: MergePolicy, declared: list[Declaration], now: int
) -> dict[str, Any]:
    """Name by name, from raw records: who is still valid, then whose word counts."""
    ttl = {one.name: one.ttl_ms for one in declared}
    precedence = {one.name: one.precedence for one in declared}
    listed = list(policy.order)

    def valid(one: Raw) -> bool:
        """The last whole record of its person in its data set, and not too old."""
        mine = [
            (r.record.timestamp, r.record.offset)
            for r in raw
            if (r.dataset, r.record.identity) == (one.dataset, one.record.identity)
        ]
        young = not ttl[one.dataset] or one.record.timestamp > now - ttl[one.dataset]
        return young and (one.record.timestamp, one.record.offset) == max(mine)

    def rank(one: Raw) -> tuple[int, int]:
        if policy.attributes == "timestampOrdered":
            return (0, 0)
        if one.dataset in listed:
            return (1, len(listed) - listed.index(one.dataset))
        return (0, precedence[one.dataset])

    def better(one: Raw) -> Any:
        return rank(one), one.record.timestamp, one.record.identity, one.dataset

    known = [one for one in raw if valid(one)]
    names = {name for one in known for name in one.record.attributes}
    return {
        name: max((one for one in known if name in one.record.attributes), key=better)
        .record.attributes[name]
        for name in names
    }  # fmt: skip


@settings(max_examples=300)
@given(
    raw_records, st.lists(st.integers(0, 25), max_size=4), policies, declarations,
    st.integers(50, 150), st.randoms(use_true_random=False),
)  # fmt: skip
def test_rows_merged_on_read_say_what_raw_records_say(
    raw: list[Raw], cuts: list[int], policy: MergePolicy, declared: list[Declaration], now: int,
    rng: Any,
) -> None:  # fmt: skip
    """Whatever the policy, the cutting of the log and the order in which rows are read."""
    sources = folded(raw, cuts)
    rng.shuffle(sources)
    ordering = Ordering.of(policy, declared)
    assert ordering.merged(sources, now) == naive(raw, policy, declared, now)


@given(raw_records, policies, declarations, st.lists(st.integers(0, 20), min_size=3, max_size=3))
def test_the_merge_is_a_commutative_idempotent_monoid(
    raw: list[Raw], policy: MergePolicy, declared: list[Declaration], parts: list[int]
) -> None:
    """Any grouping and order of the words gives the same; nothing is neutral; twice is once."""
    ordering = Ordering.of(policy, declared)
    words = [ordering.words(source, NOW) for source in folded(raw, [])]
    i, j = sorted(parts[:2])
    a, b, c = combined(words[:i]), combined(words[i:j]), combined(words[j:])
    whole = combined(words)
    assert combined([combined([a, b]), c]) == combined([a, combined([b, c])]) == whole
    assert combined([c, b, a]) == combined(reversed(words)) == whole
    assert combined([whole, combined([])]) == combined([combined([]), whole]) == whole
    assert combined([whole, a, whole]) == whole


@given(raw_records)
def test_equal_ranks_leave_it_to_time(raw: list[Raw]) -> None:
    """Precedence over data sets of one precedence is timestampOrdered."""
    declared = [Declaration(name, "record", name, 3) for name in DATASETS]
    sources = folded(raw, [])
    by_rank = Ordering.of(MergePolicy(attributes="dataSetPrecedence"), declared)
    assert by_rank.merged(sources, NOW) == Ordering().merged(sources, NOW)
