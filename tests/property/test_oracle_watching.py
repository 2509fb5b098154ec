"""The oracle of some people tells of them what the oracle of everybody tells."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from afflux.limits import Expiry, Silence, StepSettings
from afflux.oracle.partition import Oracle
from afflux.oracle.reading import records_of
from afflux.oracle.records import Record
from afflux.oracle.sample import EVERYBODY, Sample
from afflux.oracle.watching import Watching
from core_cases import CATALOG
from core_logs import DAY, HASH, LOGS, PEOPLE
from core_replay import batch_of

RULES = [
    StepSettings(shards=8),
    StepSettings(8, silence=Silence(DAY, 40 * DAY), expiry=Expiry(profile_ms=21 * DAY)),
    StepSettings(8, expiry=Expiry(90 * DAY, 7 * DAY, ("ECID", "crm"), score_ms=10 * DAY)),
]

SAMPLES = st.builds(
    Sample,
    seed=st.integers(0, 9),
    below=st.sampled_from([0, EVERYBODY // 2, EVERYBODY]),
    named=st.sets(st.sampled_from(PEOPLE)).map(frozenset),
)


@pytest.mark.slow
@pytest.mark.parametrize("rules", RULES, ids=["never expire", "everybody", "pseudonyms"])
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(log=LOGS, sample=SAMPLES, looks=st.lists(st.integers(0, 60), max_size=4))
def test_some_people_are_told_as_with_all_others(
    rules: StepSettings, log: Sequence[Record], sample: Sample, looks: Sequence[int]
) -> None:
    """Rows, links, interests, deadlines and W after any record, out of columns; nobody else."""
    end = log[-1].offset + 1
    whole, some = Oracle(CATALOG, rules), Watching(CATALOG, rules, sample)
    told = iter([*log, None])
    record = next(told)
    read = records_of(batch_of(log, 0, end, CATALOG.types), sample, CATALOG.types)
    upcoming = next(read, None)
    for at in sorted({*(min(look, end) for look in looks), end}):
        while record is not None and record.offset < at:
            whole.feed(record)
            record = next(told)
        while upcoming is not None and upcoming[0] < at:
            some.feed(upcoming[1])
            upcoming = next(read, None)
        assert some.watermark == whole.watermark
        _assert_told(whole, some, sample)


def _assert_told(whole: Oracle, some: Watching, sample: Sample) -> None:
    blank = CATALOG.new_fragments(1).tobytes()
    for identity in PEOPLE:
        told = some.told(identity)
        if not sample.has(identity, HASH[identity]) or identity not in whole.rows:
            assert (told.fragment, told.edges, told.interests, told.deadline) == (b"", {}, b"", 0)
            continue
        assert (told.fragment or blank) == whole.rows[identity].encode(CATALOG)
        assert told.edges == whole.edges.get(identity, {})
        assert told.interests == whole.interests[identity].encode()
        assert told.deadline == whole.deadline(identity)


@settings(max_examples=100, deadline=None)
@given(log=LOGS, most=st.integers(1, 4))
def test_a_sample_that_is_lowered_on_the_way(log: Sequence[Record], most: int) -> None:
    """Who is left when there are too many was watched from the first record on."""
    rules, whole = RULES[0], Oracle(CATALOG, RULES[0])
    some = Watching(CATALOG, rules, Sample(3, EVERYBODY))
    for record in log:
        whole.feed(record)
        for _, one in records_of(batch_of([record], record.offset, record.offset + 1), some.sample):
            some.feed(one)
        some.keep(most)
    assert len(some.rows) <= most
    left = Sample(3, some.sample.below)
    assert set(some.rows) == {i for i in whole.rows if left.has(i, HASH[i])}
    _assert_told(whole, some, left)
