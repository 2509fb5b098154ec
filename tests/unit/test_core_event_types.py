"""Models may name any event type: in what happens, whom they speak of, whom they leave out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from afflux.catalog import Catalog
from afflux.columns import KIND_OF_EVENT_TYPE, Kind
from afflux.event_types import FIRST, EventTypes, What
from afflux.names import ModelName
from afflux.oracle.records import Event
from afflux.outcome import Fetched
from afflux.outcomes import Eligible, Form, ModelSpec, Openings, Outcome
from afflux.position import Watermark
from afflux.step import step
from core_cases import linear_scorer
from core_replay import Replay, batch_of
from core_step import ANNA, BEN, DAY, SETTINGS, T0, event, feed, shard

DEMO, LEFT = "acme.demoBooked", "acme.left"
ANY = Eligible("events")


def other(offset: int, at: int, event_type: str, amount: float = 0.0) -> Event:
    """An event of Anna's that profiles know nothing of, but for its type."""
    return event(offset, at, kind=Kind.OTHER, amount=amount, event_type=event_type)


def replay(*models: ModelSpec) -> Replay:
    """Where purchases open examples."""
    catalog = Catalog(models, Openings(gap_ms=1, kinds=(Kind.PURCHASE,)))
    return Replay(catalog, linear_scorer(catalog), SETTINGS)


def labels(store: Replay, events: Sequence[Event], until: int) -> list[float]:
    """The label of each example once time has come to `until`."""
    for e in events:
        store.watermark = Watermark(e.timestamp)
        feed(store, [e])
    store.watermark = Watermark(until)
    store.finish(99)
    return [e.label for e in store.closed[shard(ANNA)]]


def test_codes_are_kinds_then_named_types() -> None:
    """A named type keeps its kind for the features, and a kind has all its types."""
    types = EventTypes.of([DEMO, "advertising.impressions", DEMO, Kind.PURCHASE])
    assert types.names == (DEMO, "advertising.impressions")
    shown = types.codes["advertising.impressions"]
    assert (shown, Kind(types.kind[shown])) == (FIRST + 1, Kind.EXPOSURE)
    assert types.matching([Kind.EXPOSURE]) == [Kind.EXPOSURE, shown]
    assert types.matching(["advertising.impressions"]) == [shown]
    kinds, code = types.split(np.array([FIRST, shown, Kind.PURCHASE], np.uint8))
    assert kinds.tolist() == [Kind.OTHER, Kind.EXPOSURE, Kind.PURCHASE]
    assert code is not None
    assert EventTypes.of([Kind.PURCHASE]).split(kinds) == (kinds, None)
    assert EventTypes.of([]).codes == KIND_OF_EVENT_TYPE


@pytest.mark.parametrize(
    ("form", "kinds", "label"),
    [
        ("will", (DEMO,), 1.0),
        ("will_not", (DEMO,), 0.0),
        ("will", ("acme.never",), 0.0),
        ("will", (Kind.CHECKOUT, DEMO), 1.0),
        ("will_all", (Kind.PURCHASE, DEMO), 1.0),
        ("will_all", (DEMO, "acme.never"), 0.0),
        ("will_all", (DEMO, LEFT, Kind.OTHER), 1.0),
        ("amount", (DEMO, LEFT), 12.0),
        ("amount", (LEFT,), 5.0),
        ("count", (DEMO, Kind.PURCHASE), 3.0),
        ("count", (Kind.OTHER,), 4.0),
    ],
)
def test_every_form_of_outcome(form: Form, kinds: tuple[What, ...], label: float) -> None:
    """Will, will not, any of, all of, money and number: of types, of kinds, of both."""
    store = replay(ModelSpec(ModelName("m"), Outcome(form, kinds, 7 * DAY), ANY))
    log = [
        event(0, T0), other(1, T0 + DAY, DEMO, 7.0), other(2, T0 + 2 * DAY, LEFT, 5.0),
        event(3, T0 + 3 * DAY), other(4, T0 + 4 * DAY, DEMO), other(5, T0 + 5 * DAY, ""),
        other(6, T0 + 8 * DAY, DEMO, 100.0),
    ]  # fmt: skip
    assert labels(store, log, T0 + 9 * DAY) == [label]


@pytest.mark.parametrize(
    ("eligible", "excluded", "opened"),
    [
        (Eligible(DEMO), (), [2, 10, 40]),
        (Eligible(DEMO, 2.0), (), [10, 40]),
        (Eligible(DEMO, 1.0, 7 * DAY), (), [2, 10]),
        (Eligible(DEMO, 1.0, 7 * DAY - 1), (), [2]),
        (ANY, (Eligible(DEMO, 2.0),), [0, 2]),
        (ANY, (Eligible(DEMO, 1.0, 9 * DAY),), [0, 40]),
        (ANY, (Eligible(DEMO, 2.0), Eligible("purchases", 2.0)), [0]),
        (Eligible("purchases", 2.0), (), [2, 10, 40]),
        (Eligible("exposures", 1.0, 2 * DAY), (), []),
    ],
)  # fmt: skip
def test_whom_a_model_speaks_of(
    eligible: Eligible, excluded: tuple[Eligible, ...], opened: list[int]
) -> None:
    """So many of a type or channel, lately or ever, and nobody who did what is excluded."""
    spec = ModelSpec(ModelName("m"), Outcome("will", (LEFT,), DAY), eligible, excluded=excluded)
    store = replay(spec)
    days = [(0, ""), (1, DEMO), (2, ""), (3, DEMO), (10, ""), (40, "")]
    log = [
        other(i, T0 + day * DAY, name) if name else event(i, T0 + day * DAY)
        for i, (day, name) in enumerate(days)
    ]
    labels(store, log, T0 + 90 * DAY)
    at = [(e.open_ts - T0) // DAY for e in store.closed[shard(ANNA)]]
    assert at == opened
    together = replay(spec)
    feed(together, log)
    together.watermark = Watermark(T0 + 90 * DAY)
    together.finish(99)
    assert together.closed[shard(ANNA)] == store.closed[shard(ANNA)], "a batch is as its events"


def test_what_a_linked_identity_did_counts() -> None:
    """Anna booked a demo, her other identity left: all of it has happened."""
    spec = ModelSpec(ModelName("m"), Outcome("will_all", (DEMO, LEFT), 7 * DAY), ANY)
    store = replay(spec)
    feed(store, [event(0, T0), other(1, T0 + DAY, DEMO)])
    feed(store, [event(2, T0 + 2 * DAY, BEN, Kind.OTHER, event_type=LEFT)])
    catalog = store.catalog
    rows = catalog.decode_fragments([store.fragments[ANNA]])
    rows["links"], rows["linked_at"] = 1, T0
    ben = catalog.decode_fragments([store.fragments[BEN]])
    served, _ = catalog.decode_served([store.served[ANNA]])
    found = []
    for linked in (ben, catalog.new_fragments(1)):
        fetched = Fetched(
            [ANNA], np.array([shard(ANNA)], np.int32), rows, served, {}, np.zeros(1, np.int32),
            linked,
        )  # fmt: skip
        out = step(
            batch_of([], 3, 3), Watermark(T0 + 9 * DAY), fetched,
            {shard(ANNA): store.positions[shard(ANNA)]}, catalog, linear_scorer(catalog), SETTINGS,
        )  # fmt: skip
        found += out.closed["label"].tolist()
    assert found == [1.0, 0.0]


def test_named_types_are_features() -> None:
    """How often, how long ago, never: so what is predicted may be learned from itself."""
    store = replay(ModelSpec(ModelName("m"), Outcome("will", (DEMO,), 7 * DAY), ANY))
    feed(store, [event(0, T0), other(1, T0, DEMO), other(2, T0 + DAY, DEMO)])
    row = store.catalog.decode_fragments([store.fragments[ANNA]])
    at = np.array([T0 + 3 * DAY])
    vector = dict(zip(store.catalog.features, store.catalog.matrix(row, at)[0], strict=True))
    assert vector[f"times:{DEMO}"] == pytest.approx(np.log(3), abs=1e-3)
    assert vector[f"recency:{DEMO}"] == pytest.approx(np.log(3), abs=1e-3)
    assert vector[f"never:{DEMO}"] == 0


def test_the_layout_knows_the_types() -> None:
    """Rows are refused by a worker whose models name others, or speak of others."""

    def layout(*kinds: What, who: Eligible = ANY, out: tuple[Eligible, ...] = ()) -> int:
        spec = ModelSpec(ModelName("m"), Outcome("will", kinds, DAY), who, excluded=out)
        return Catalog([spec]).layout

    plain = layout(Kind.PURCHASE)
    assert len({
        plain, layout(DEMO), layout(LEFT), layout("commerce.purchases"),
        layout(Kind.PURCHASE, who=Eligible("events", 1.0, DAY)),
        layout(Kind.PURCHASE, out=(ANY,)), layout(Kind.PURCHASE, out=(Eligible(DEMO),)),
    }) == 7  # fmt: skip
