"""Examples: what opens one, what counts, when and how it is labelled, linked people included."""

from __future__ import annotations

import numpy as np

from afflux.catalog import Catalog
from afflux.columns import Kind
from afflux.names import ModelName
from afflux.outcome import Fetched
from afflux.outcomes import ACTIVITY, ModelSpec, Outcome
from afflux.position import Position, TopicPosition, Watermark
from afflux.step import step
from core_cases import CATALOG, linear_scorer
from core_replay import Replay, batch_of
from core_step import (
    ANNA,
    BEN,
    DAY,
    HOUR,
    SETTINGS,
    T0,
    event,
    feed,
    replay,
    shard,
)  # fmt: skip


def test_purchase_opens_and_silence_is_labelled() -> None:
    """A purchase, then nothing: churn is 1 after 14 days, and the vector is the one served."""
    store = replay()
    opened = feed(store, [event(0, T0)])
    assert opened.deadline.tolist() == [T0 + 14 * DAY + HOUR]
    for i, late in enumerate(range(1, 16)):
        feed(store, [event(1 + i, T0 + late * DAY, BEN, Kind.OTHER)])
    store.finish(99)
    (example,) = store.closed[shard(ANNA)]
    assert (example.model, example.label, example.flags) == ("churn", 1.0, 0)
    assert example.vector == opened.served["slot_vector"][0, 0].tobytes()
    last = store.outcomes[-1]
    closed = next(o.closed for o in store.outcomes if len(o.closed))
    assert closed["served"][0] == opened.served["value"][0, 0]
    assert closed["version"][0] == opened.served["version"][0, 0]
    assert closed["open_ts"][0] == T0
    assert last.positions[shard(ANNA)].topics[0].offset == 99


def test_purchases_in_the_window_count() -> None:
    """Spend is summed up to the window's end; the opening itself is not part of it."""
    store = replay()
    for offset, (day, amount) in enumerate(((0, 5.0), (3, 7.0), (28, 11.0), (29, 13.0), (30, 1.0))):
        store.watermark = Watermark(T0 + day * DAY)
        feed(store, [event(offset, T0 + day * DAY, amount=amount)])
    first = [e for e in store.closed[shard(ANNA)] if e.open_ts == T0]
    assert [(e.model, e.label) for e in first] == [("churn", 0.0), ("lifetime_value", 18.0)]


def test_events_in_the_window_are_counted() -> None:
    """Their number, whatever they cost; campaigns that reach people are not what they do."""
    spec = ModelSpec(ModelName("activity"), Outcome("count", ACTIVITY, 7 * DAY))
    catalog = Catalog([spec])
    store = Replay(catalog, linear_scorer(catalog), SETTINGS)
    kinds = [Kind.PURCHASE, Kind.PAGE_VIEW, Kind.EXPOSURE, Kind.PURCHASE, Kind.PURCHASE]
    for offset, (day, kind) in enumerate(zip((0, 1, 2, 7, 9), kinds, strict=True)):
        store.watermark = Watermark(T0 + day * DAY)
        feed(store, [event(offset, T0 + day * DAY, kind=kind, amount=50.0)])
    [example] = [e for e in store.closed[shard(ANNA)] if e.open_ts == T0]
    assert example.label == 2.0
    assert spec.link == "amount"
    assert spec.outcome.describe() == "number of events in the next 7 days"


def test_example_opened_and_closed_in_one_batch_is_served() -> None:
    """Its served value comes from the same call of the scorer."""
    store = replay()
    days = [event(1 + d, T0 + d * DAY, BEN, Kind.OTHER) for d in range(1, 16)]
    out = feed(store, [event(0, T0), *days])
    (closed,) = out.closed
    score = linear_scorer().score(closed["vector"][None])
    assert closed["served"] == score.value[0, 0]
    assert closed["version"] == 11


def test_wave_is_closed_in_parts() -> None:
    """An empty batch closes what is due, up to `close_before`, and moves nothing else."""
    store = replay()
    feed(store, [event(0, T0), event(1, T0 + 5)])
    feed(store, [event(2, T0 + HOUR, BEN)])
    store.watermark = Watermark(T0 + 40 * DAY)
    at_end = batch_of([], 3, 3)
    both = {shard(ANNA), shard(BEN)}
    store.step(at_end, both, close_before=T0 + 14 * DAY + HOUR + 1)
    assert [len(store.closed[s]) for s in (shard(ANNA), shard(BEN))] == [1, 0]
    store.step(at_end, both)
    assert [e.model for e in store.closed[shard(ANNA)]] == ["churn", "lifetime_value"]
    assert store.outcomes[-1].deadline.tolist() == [0, 0]
    assert not store.deadlines


def test_closings_are_in_order() -> None:
    """(deadline, identity, model) ascends within a shard, whatever the order of the rows."""
    store = replay()
    people = [ANNA, BEN]
    feed(store, [event(i, T0, who) for i, who in enumerate(people)])
    store.watermark = Watermark(T0 + 40 * DAY)
    store.finish(2)
    for examples in store.closed.values():
        keys = [e.key for e in examples]
        assert keys == sorted(keys)
    assert sum(map(len, store.closed.values())) == 4


def linked_step(closing: bool) -> tuple[Fetched, np.ndarray]:
    """Anna's example with Ben's fragment linked; Ben bought within her window."""
    store = replay()
    feed(store, [event(0, T0)])
    feed(store, [event(1, T0 + DAY, BEN, amount=90.0)])
    rows = CATALOG.decode_fragments([store.fragments[ANNA]])
    rows["links"], rows["linked_at"] = 1, T0
    ben = CATALOG.decode_fragments([store.fragments[BEN]])
    served, _ = CATALOG.decode_served([store.served[ANNA]])
    owner = np.zeros(1, np.int32)
    fetched = Fetched([ANNA], np.array([shard(ANNA)], np.int32), rows, served, {}, owner, ben)
    batch = batch_of([], 2, 2) if closing else batch_of([event(2, T0 + 2 * DAY)], 2, 3)
    at = Watermark(T0 + 15 * DAY if closing else T0 + DAY)
    positions = {shard(ANNA): store.positions[shard(ANNA)]}
    out = step(batch, at, fetched, positions, CATALOG, linear_scorer(), SETTINGS)
    return fetched, out.closed if closing else out.served


def test_linked_people_are_scored_together() -> None:
    """The owner's score is that of the merged profile."""
    fetched, served = linked_step(closing=False)
    alone = step(
        batch_of([event(2, T0 + 2 * DAY)], 2, 3), Watermark(T0 + DAY),
        Fetched(fetched.identities, fetched.shard, fetched.fragment, fetched.served),
        {shard(ANNA): Position(CATALOG.layout, (TopicPosition(b"t" * 16, 2),))},
        CATALOG, linear_scorer(), SETTINGS,
    )  # fmt: skip
    assert served["value"].tolist() != alone.served["value"].tolist()


def test_linked_purchase_counts_and_label_is_uncertain() -> None:
    """Anna did not buy, her other identity did: she did not churn, as far as one knows."""
    _, closed = linked_step(closing=True)
    assert closed["label"].tolist() == [0.0]
    assert closed["flags"].tolist() == [1]


def test_late_purchase_counts_until_the_deadline_has_passed() -> None:
    """With W on the very deadline it still counts, one millisecond later it does not."""
    deadline = T0 + 14 * DAY + HOUR
    for w, label in ((deadline, 0.0), (deadline + 1, 1.0)):
        store = replay()
        feed(store, [event(0, T0)])
        store.watermark = Watermark(w)
        feed(store, [event(1, T0 + 14 * DAY), event(2, deadline + 2, BEN, Kind.OTHER)])
        assert [(e.model, e.label) for e in store.closed[shard(ANNA)]] == [("churn", label)]


def test_link_makes_labels_uncertain_from_its_w_on() -> None:
    """A link that came with W past the deadline leaves the label certain."""
    deadline = T0 + 14 * DAY + HOUR
    for w, flags in ((deadline, 1), (deadline + 1, 0)):
        store = replay()
        feed(store, [event(0, T0)])
        store.watermark = Watermark(w)
        late = event(1, T0 + DAY, kind=Kind.OTHER, links=[BEN])
        feed(store, [late, event(2, deadline + 2, BEN, Kind.OTHER)])
        assert [e.flags for e in store.closed[shard(ANNA)]] == [flags]


def test_no_more_than_five_examples_are_open() -> None:
    """While W stands still nothing closes; the sixth opening waits for a free slot."""
    store = replay()
    for week in range(7):
        feed(store, [event(week, T0 + 7 * week * DAY)])
    row = CATALOG.decode_fragments([store.fragments[ANNA]])[0]
    assert row["slot_ts"].tolist() == [T0 + 7 * week * DAY for week in range(5)]
    assert row["last_open"] == T0 + 28 * DAY
    store.watermark = Watermark(T0 + 44 * DAY)
    feed(store, [event(9, T0 + 44 * DAY, kind=Kind.OTHER)])
    row = CATALOG.decode_fragments([store.fragments[ANNA]])[0]
    assert row["slot_ts"][0] == T0 + 44 * DAY
    assert row["slot_open"].tolist() == [3, 0, 0, 2, 2]
