"""The step over any batches equals the oracle, which takes one record at a time."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

import pytest
from hypothesis import HealthCheck, given, settings

from afflux.catalog import Catalog
from afflux.columns import Kind
from afflux.identity import Edges
from afflux.interests.rules import InterestRules
from afflux.limits import Expiry, Silence, Timelines
from afflux.names import ModelName
from afflux.oracle.partition import Oracle
from afflux.oracle.records import Record
from afflux.outcome import Control
from afflux.outcomes import Eligible, ModelSpec, Openings, Outcome
from afflux.scoring import Scorer
from afflux.step import StepSettings
from core_cases import CATALOG, linear_scorer
from core_logs import CUTS, DAY, LOGS
from core_replay import Replay

SETTINGS = StepSettings(shards=8, interests=InterestRules((90, 90, 30, 30, 1), (3, 2, 1, 1, 4)))
SCORER = linear_scorer()


CATALOGS = [
    Catalog(CATALOG.models, Openings(slots=12, gap_ms=1)),
    Catalog(
        [
            ModelSpec(
                ModelName("both"), Outcome("will_all", (Kind.PURCHASE, Kind.EXPOSURE), 7 * DAY)
            ),
            ModelSpec(ModelName("any"), Outcome("will", (Kind.EXPOSURE,), DAY), Eligible("events")),
        ],
        Openings(slots=2, gap_ms=1, kinds=(Kind.PURCHASE, Kind.EXPOSURE)),
    ),
    Catalog(
        [
            ModelSpec(
                ModelName("buys"), Outcome("will", (Kind.PURCHASE, Kind.EXPOSURE), 14 * DAY),
                Eligible("events"), early=True,
            ),
            ModelSpec(
                ModelName("leaves"), Outcome("will_not", (Kind.PURCHASE,), 7 * DAY), early=True
            ),
            *CATALOG.models,
        ],
        Openings(slots=4, gap_ms=1),
    ),
    Catalog(
        [
            ModelSpec(
                ModelName("demo"), Outcome("will", ("acme.demoBooked",), 14 * DAY),
                Eligible("exposures"), excluded=(Eligible("acme.signedOff", 1.0, 28 * DAY),),
            ),
            ModelSpec(
                ModelName("all"),
                Outcome("will_all", (Kind.PURCHASE, Kind.EXPOSURE, "advertising.impressions",
                                     "commerce.purchases", "acme.demoBooked"), 28 * DAY),
                Eligible("acme.demoBooked", 1.0, 14 * DAY),
            ),
            ModelSpec(
                ModelName("spend"),
                Outcome("amount", ("commerce.purchases", "acme.other"), 7 * DAY),
                Eligible("views", 1.0, DAY), excluded=(Eligible("purchases", 3.0),),
            ),
            ModelSpec(
                ModelName("silent"), Outcome("will_not", (Kind.OTHER,), 7 * DAY),
                Eligible("acme.signedOff", 2.0), early=True,
            ),
        ],
        Openings(slots=4, gap_ms=1, kinds=("acme.demoBooked", Kind.PURCHASE, Kind.EXPOSURE)),
    ),
]  # fmt: skip
"""Other rules of opening than the one that is served, the other forms of outcomes, models that
learn early, and models that name event types, in outcomes, openings and whom they speak of."""


def replayed(
    log: Sequence[Record],
    cuts: Sequence[tuple[int, int]],
    catalog: Catalog = CATALOG,
    scorer: Scorer = SCORER,
    rules: StepSettings = SETTINGS,
) -> Replay:
    """The log folded in batches of so many offsets."""
    replay, base, end = Replay(catalog, scorer, rules), 0, log[-1].offset + 1
    for size, lagging in cycle(cuts):
        if base >= end:
            break
        replay.advance(log, base, min(base + size, end), lagging)
        base += size
    replay.finish(end)
    return replay


def told(
    log: Sequence[Record], catalog: Catalog = CATALOG, rules: StepSettings = SETTINGS
) -> Oracle:
    """The log in the oracle's words."""
    oracle = Oracle(catalog, rules)
    for record in log:
        oracle.feed(record)
    return oracle


def unaddressed(derived: Sequence[Control]) -> list[tuple[object, ...]]:
    """Derived records by origin, without the hash of their address."""
    return sorted((c.origin, c.kind, c.timestamp, c.identity, c.other, c.event_id) for c in derived)


def assert_same(replay: Replay, oracle: Oracle) -> None:
    """Everything that is a function of the log."""
    catalog = oracle.catalog
    blank = catalog.new_fragments(1).tobytes()
    for identity, row in oracle.rows.items():
        assert replay.fragments.get(identity, blank) == row.encode(catalog)
        assert replay.deadlines.get(identity, 0) == oracle.deadline(identity)
        stored = dict(Edges.decode(replay.edges.get(identity)))
        assert stored == oracle.edges.get(identity, {})
        interests = oracle.interests[identity].encode()
        assert replay.interests.get(identity, b"") == interests
        assert replay.timelines.get(identity, ()) == oracle.timelines[identity].encode()
    assert set(replay.fragments) <= set(oracle.rows)
    for shard, position in replay.positions.items():
        assert list(position.counters) == oracle.counters[shard]
        assert position.origins == oracle.origins[shard]
        assert position.sources == oracle.sources[shard]
        assert position.topics[0].watermark == oracle.watermark
        assert replay.closed[shard] == oracle.closed[shard]
        assert replay.early[shard] == oracle.early[shard]
    assert unaddressed(replay.derived) == unaddressed(oracle.derived)


@pytest.mark.slow
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(log=LOGS, cuts=CUTS)
def test_any_batches_equal_the_oracle(
    log: Sequence[Record], cuts: Sequence[tuple[int, int]]
) -> None:
    """Rows, counters, positions, edges, deadlines and examples are those of the oracle."""
    assert_same(replayed(log, cuts), told(log))


@pytest.mark.slow
@pytest.mark.parametrize(
    "catalog", CATALOGS, ids=["every event", "some kinds, two slots", "early", "types"]
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(log=LOGS, cuts=CUTS)
def test_other_openings_equal_the_oracle(
    catalog: Catalog, log: Sequence[Record], cuts: Sequence[tuple[int, int]]
) -> None:
    """So it is where every event opens an example, or only some kinds do and slots run out."""
    assert_same(replayed(log, cuts, catalog, linear_scorer(catalog)), told(log, catalog))


EXPIRING = [
    StepSettings(8, silence=Silence(DAY, 40 * DAY), expiry=Expiry(profile_ms=21 * DAY)),
    StepSettings(8, expiry=Expiry(90 * DAY, 7 * DAY, ("ECID", "crm"), score_ms=10 * DAY)),
]


@pytest.mark.slow
@pytest.mark.parametrize("rules", EXPIRING, ids=["everybody", "pseudonyms"])
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(log=LOGS, cuts=CUTS)
def test_expiry_equals_the_oracle(
    rules: StepSettings, log: Sequence[Record], cuts: Sequence[tuple[int, int]]
) -> None:
    """Who expires, when, and what those become who come back; nobody has scores without a row."""
    replay, oracle = replayed(log, cuts, rules=rules), told(log, rules=rules)
    assert_same(replay, oracle)
    assert set(replay.served) <= {i for i, row in oracle.rows.items() if row.last_ts}


REMEMBERING = [
    StepSettings(8, timelines=Timelines(3)),
    StepSettings(8, timelines=Timelines(1000, 20 * DAY)),
    StepSettings(
        8, silence=Silence(DAY, 40 * DAY), expiry=Expiry(30 * DAY), timelines=Timelines(4, DAY)
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize("rules", REMEMBERING, ids=["few", "for a while", "few, for a day"])
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(log=LOGS, cuts=CUTS)
def test_timelines_equal_the_oracle(
    rules: StepSettings, log: Sequence[Record], cuts: Sequence[tuple[int, int]]
) -> None:
    """The bytes of every timeline and all else: by number, by age, beyond deletes and expiry."""
    assert_same(replayed(log, cuts, rules=rules), told(log, rules=rules))
