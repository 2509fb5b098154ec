"""The laws of merging fragments into a profile."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from afflux.catalog import Catalog
from afflux.columns import Kind
from afflux.event_types import FIRST
from afflux.features.channels import addends
from afflux.features.contract import Cut
from afflux.merge import merge
from afflux.names import ModelName
from afflux.outcomes import ModelSpec, Outcome
from afflux.workspace import RowFields
from core_cases import CATALOG as UNTYPED

DAY = 86_400_000
DEMO = ModelSpec(ModelName("demo"), Outcome("will", ("acme.demoBooked",), 7 * DAY))
CATALOG = Catalog([*UNTYPED.models, DEMO])
"""With the features of a type that a model names: events of no kind are of that type."""

T0 = 1_483_228_800_000
ROWS = 5

EVENTS = st.lists(
    st.tuples(
        st.integers(0, ROWS - 2),  # the last row stays new
        st.one_of(st.integers(0, 60 * DAY), st.integers(0, 4_000 * DAY)),
        st.sampled_from(list(Kind)),
        st.sampled_from([0.0, 0.1, 3.33, 1e7]),
    ),
    min_size=1,
    max_size=40,
)


def fragments(events: list[tuple[int, int, Kind, float]]) -> np.ndarray:
    """Rows after these events."""
    part = sorted(events, key=lambda e: e[0])
    row = np.array([e[0] for e in part], np.int64)
    ts = np.array([T0 + e[1] for e in part], np.int64)
    kind = np.array([e[2] for e in part], np.uint8)
    amount = np.array([e[3] for e in part])
    rows = RowFields(CATALOG.new_fragments(ROWS))
    code = np.where(kind == Kind.OTHER, FIRST, kind).astype(np.uint8)
    cut = Cut(row, ts, kind, addends(row, ts, kind, amount, amount), code)
    for feature in CATALOG.parts:
        feature.update(rows, cut)
    return rows.packed()


@given(EVENTS, st.permutations(range(ROWS)))
def test_order_does_not_matter(
    events: list[tuple[int, int, Kind, float]], order: list[int]
) -> None:
    """Every permutation of the fragments gives the same bytes."""
    table = fragments(events)
    owner = np.zeros(ROWS, np.int64)
    assert merge(CATALOG, table, owner, 1).tobytes() == (
        merge(CATALOG, table[order], owner, 1).tobytes()
    )


@given(EVENTS)
def test_new_fragments_change_nothing(events: list[tuple[int, int, Kind, float]]) -> None:
    """A fragment merged alone, or with new ones, keeps its features bit by bit."""
    table = fragments(events)
    alone = merge(CATALOG, table, np.arange(ROWS), ROWS)
    new = CATALOG.new_fragments(ROWS)
    twice = np.concatenate([table, new])
    beside = merge(CATALOG, twice, np.tile(np.arange(ROWS), 2), ROWS)
    for name in CATALOG.feature_fields:
        assert alone[name].tobytes() == table[name].tobytes() == beside[name].tobytes()


@given(EVENTS, st.lists(st.integers(0, 2), min_size=ROWS, max_size=ROWS))
def test_profiles_do_not_touch_each_other(
    events: list[tuple[int, int, Kind, float]], owners: list[int]
) -> None:
    """Many profiles at once are as each one alone; one without fragments is new."""
    table, owner = fragments(events), np.array(owners)
    together = merge(CATALOG, table, owner, 3)
    for i in range(3):
        mine = table[owner == i]
        alone = merge(CATALOG, mine, np.zeros(len(mine), np.int64), 1)
        assert together[i].tobytes() == alone[0].tobytes()


@given(EVENTS)
def test_merge_is_near_one_fragment_with_all_events(
    events: list[tuple[int, int, Kind, float]],
) -> None:
    """Sums, times and recencies are those of one identity that had all the events."""
    merged = merge(CATALOG, fragments(events), np.zeros(ROWS, np.int64), 1)
    one = fragments([(0, ts, kind, x) for _, ts, kind, x in events])[:1]
    for name in ("first_ts", "last_ts", "kind_last", "decay_base"):
        assert merged[name].tobytes() == one[name].tobytes()
    assert np.allclose(merged["life"], one["life"], rtol=1e-12)
    assert np.allclose(merged["decay"], one["decay"], rtol=1e-12)


def test_only_features_are_merged() -> None:
    """Ids, links and open examples belong to a fragment, not to a profile."""
    table = fragments([(0, 0, Kind.PURCHASE, 1.0)])
    table["links"], table["ring"], table["slot_open"], table["last_offset"] = 1, 2, 3, 4
    merged = merge(CATALOG, table, np.zeros(ROWS, np.int64), 1)
    new = CATALOG.new_fragments(1)
    for name in ("links", "ring", "slot_open", "last_offset", "layout"):
        assert merged[name].tobytes() == new[name].tobytes()
