"""No feature and no served value sees past the opening of its example, whatever comes later.

The future of a log, all records after some opening, is shuffled and changed: kinds, amounts,
people, ids, lateness, control records instead of events. What the example holds of its opening must
stay, in the step and in the engine of `afflux evaluate`, for every model of the package.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afflux.catalog import Catalog
from afflux.columns import Kind
from afflux.oracle.records import Record
from afflux.outcomes import Openings
from afflux.step import StepSettings
from core_cases import linear_scorer
from core_logs import DAY, DRAFTS, PEOPLE, Draft, record_log
from core_replay import Replay
from launcher.data.compact import compact
from launcher.data.generated import generated
from launcher.evaluation.engine import Engine, Rules
from launcher.evaluation.event_log import EventsInMemory
from models import default_models, discover

SETTINGS = StepSettings(shards=8)
CATALOGS = [
    Catalog(default_models()),
    Catalog(default_models(), Openings(slots=12, gap_ms=1)),
]
SCORERS = [linear_scorer(catalog) for catalog in CATALOGS]

NEWCOMER = PEOPLE[3]
"""Nobody before the opening that is looked at; later as busy as anybody."""

OPENING = [
    Draft("event", NEWCOMER, PEOPLE[0], 0, 0, 0, Kind.EXPOSURE, 0.0, 0, 0),
    Draft("event", NEWCOMER, PEOPLE[0], 7 * DAY, 0, 0, Kind.PURCHASE, 25.0, 0, 0),
]
"""After the second of them every model of the package has an open example."""

CHANGED = ("kind", "who", "other", "step", "late", "event_kind", "amount", "repeat", "lag")
"""What records of the future may have from others."""

FUTURES: st.SearchStrategy[list[Draft]] = st.lists(
    DRAFTS | DRAFTS.map(lambda d: replace(d, who=NEWCOMER)), min_size=2, max_size=25
)


def replayed(log: Sequence[Record], catalog: int, size: int) -> Replay:
    """The log in batches of `size` offsets."""
    replay = Replay(CATALOGS[catalog], SCORERS[catalog], SETTINGS)
    end = log[-1].offset + 1
    for base in range(0, end, size):
        replay.advance(log, base, min(base + size, end))
    replay.finish(end)
    return replay


@pytest.mark.slow
@pytest.mark.parametrize("catalog", range(len(CATALOGS)), ids=["as served", "every event opens"])
@settings(max_examples=60, deadline=None)
@given(
    past=st.lists(DRAFTS, max_size=20),
    future=FUTURES,
    others=FUTURES,
    changed=st.sets(st.sampled_from(CHANGED)),
    order=st.randoms(use_true_random=False),
    size=st.integers(1, 50),
)
def test_a_step_keeps_what_was_seen_and_served_at_the_opening(
    catalog: int,
    past: list[Draft],
    future: list[Draft],
    others: list[Draft],
    changed: set[str],
    order: random.Random,
    size: int,
) -> None:
    """Vectors, values and versions are the same with no future, with one, and with another."""
    known = [replace(d, who=PEOPLE[0]) if d.who == NEWCOMER else d for d in past] + OPENING
    other = [
        replace(d, **{name: getattr(others[i % len(others)], name) for name in changed})
        for i, d in enumerate(future)
    ]
    order.shuffle(other)
    last = record_log(known)[-1].offset
    first = replayed(record_log(known), catalog, size)
    vectors, served = first.vectors, first.served_at
    opened = {model for who, offset, model in served if (who, offset) == (NEWCOMER, last)}
    assert opened == {m.name for m in default_models()}
    for of in (future, other):
        run = replayed(record_log([*known, *of]), catalog, size)
        seen = {key for key in run.vectors if key[1] <= last}
        assert seen <= vectors.keys()
        gone = any(d.kind == "delete" and d.who == NEWCOMER for d in of)
        assert gone or (NEWCOMER, last) in seen
        assert all(run.vectors[key] == vectors[key] for key in seen)
        values = {key: run.served_at[key] for key in run.served_at if key[1] <= last}
        assert all(served[key] == values[key] for key in values)
    assert all(len(found) == 1 for found in vectors.values())
    assert all(len(found) == 1 for found in served.values())


LOG, CUT = compact(generated(5_000)), 3_141  # inside of a batch
Opening = tuple[int, int, str]


def evaluated(log: EventsInMemory) -> tuple[dict[Opening, bytes], dict[Opening, float]]:
    """Of the examples that opened before `CUT` what they hold of it, and their labels."""
    held: dict[Opening, bytes] = {}
    labels: dict[Opening, float] = {}
    openings = Openings(slots=12, gap_ms=1)

    def keep(closed: np.ndarray) -> None:
        for c in closed[closed["open_offset"] < CUT]:
            key = int(c["row"]), int(c["open_offset"]), names[c["model"]]
            held[key] = b"".join(c[n].tobytes() for n in ("open_ts", "vector", "served", "version"))
            labels[key] = float(c["label"])

    engine = Engine(discover(), log, Rules(openings, widen=True, every=50, batch=97), keep)
    names = [m.spec.name for m in engine.models]
    engine.run()
    assert engine.snapshots > 20
    return held, labels


@pytest.fixture(scope="module")
def untouched() -> tuple[dict[Opening, bytes], dict[Opening, float]]:
    """The log as it is."""
    return evaluated(LOG)


@pytest.mark.slow
@pytest.mark.parametrize("change", ["order", "kind", "amount", "who", "everything, late"])
def test_an_evaluation_keeps_what_was_seen_and_served_at_the_opening(
    change: str, untouched: tuple[dict[Opening, bytes], dict[Opening, float]]
) -> None:
    """While models learn and are adopted: other events after it change labels, and only labels."""
    generator = np.random.default_rng(3)
    events = LOG.events.copy()
    future = events[CUT:]
    if change in ("order", "everything, late"):
        future[:] = generator.permutation(future)
    for name in ("kind", "amount", "who"):
        if change in (name, "everything, late"):
            future[name] = generator.permutation(future[name])
    if change == "everything, late":
        future["ts"] -= generator.integers(0, 40 * DAY, len(future))
        future["ts"][-1] = LOG.events["ts"][-1]
    held, labels = untouched
    again, other_labels = evaluated(EventsInMemory(LOG.identities, events))
    both = held.keys() & again.keys()
    assert {model for _, _, model in both} == {m.spec.name for m in discover()}
    assert len(both) > 2_000
    assert all(held[key] == again[key] for key in both)
    assert sum(labels[key] != other_labels[key] for key in both) > 50
