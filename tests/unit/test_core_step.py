"""What a step does beside folding: skips, counts, serves, forgets."""

from __future__ import annotations

import numpy as np

from afflux.codes import Code
from afflux.identity import Edges
from afflux.names import Identity
from afflux.outcome import Batch, Fetched, Rejected
from afflux.position import Position, TopicPosition, Watermark
from afflux.step import step
from core_cases import CATALOG, linear_scorer
from core_replay import batch_of
from core_step import (
    ANNA,
    BEN,
    DAY,
    HOUR,
    SETTINGS,
    T0,
    control,
    event,
    feed,
    hash_of,
    replay,
    shard,
)  # fmt: skip


def counts(position: Position) -> dict[str, int]:
    """Counters that are not zero, by name."""
    return {Code(i).name: n for i, n in enumerate(position.counters) if n}


def test_scores_are_served_with_their_event() -> None:
    """As of the last accepted event: its id, offset, and event time of the person."""
    store = replay()
    out = feed(store, [event(0, T0), event(1, T0 + HOUR), event(2, T0, BEN)])
    scored = out.scored.tolist()
    assert scored == [0, 1]
    assert out.event_ids == {0: "e1", 1: "e2"}
    assert out.served["as_of_offset"][scored].tolist() == [1, 2]
    assert out.served["as_of_ts"][scored].tolist() == [T0 + HOUR, T0]
    matrix = CATALOG.matrix(out.fragment, out.fragment["last_ts"])
    scores = linear_scorer().score(matrix)
    assert out.served["value"].tobytes() == scores.value.tobytes()
    assert out.served["factor"].tobytes() == scores.factor.tobytes()
    assert out.served["percentile"].tobytes() == scores.percentile.tobytes()
    assert out.served["trusted"].tolist() == [[1, 1], [1, 1]]
    assert np.isnan(out.served["previous"]).all()


def test_previous_value_is_kept() -> None:
    """The next score remembers the one before."""
    store = replay()
    first = feed(store, [event(0, T0)]).served["value"][0].tolist()
    second = feed(store, [event(1, T0 + DAY)])
    assert second.served["previous"][0].tolist() == first


def test_only_touched_owners_are_scored() -> None:
    """A duplicate, a deleted person's event and a late wave announce nobody."""
    store = replay()
    feed(store, [event(0, T0), control("delete", 1, T0 + 5, BEN)])
    out = feed(store, [event(2, T0 + 9, event_id="e0"), event(3, T0, BEN)])
    assert out.scored.tolist() == []
    assert not out.fragment_changed.any()
    assert counts(store.positions[shard(ANNA)])["duplicates"] == 1
    assert counts(store.positions[shard(BEN)]) == {"control": 1, "deleted_identity": 1}


def test_every_record_is_counted_once() -> None:
    """Accepted, duplicates, rejected and control add up; late is a fact beside."""
    store = replay()
    feed(
        store,
        [
            event(0, T0), event(1, T0, event_id="e0"), event(2, T0 - HOUR),
            Rejected(3, shard(ANNA), Code.truncated), control("tick", 4, T0 + HOUR, None),
        ],
    )  # fmt: skip
    assert counts(store.positions[shard(ANNA)]) == {
        "accepted": 2, "duplicates": 1, "truncated": 1, "late": 1,
    }  # fmt: skip
    assert counts(store.positions[0]) == {"control": 1}


def test_records_below_the_position_are_skipped_but_move_w() -> None:
    """A shard that is ahead folds nothing twice; W goes on for all."""
    store, log = replay(), [event(0, T0), event(1, T0 + HOUR, BEN), event(2, T0 + 2 * HOUR)]
    feed(store, log)
    rows, positions = dict(store.fragments), dict(store.positions)
    store.watermark = Watermark()
    feed(store, log)
    assert store.fragments == rows
    assert store.positions == positions
    assert store.watermark == Watermark(T0 + 2 * HOUR)


def test_shard_that_is_ahead_of_the_batch_stays_there() -> None:
    """After a rewind the other shards of a partition fold again; this one waits for them."""
    store = replay()
    feed(store, [event(0, T0), event(5, T0 + HOUR)])
    position = store.positions[shard(ANNA)]
    store.watermark = Watermark()
    feed(store, [event(0, T0)])
    assert store.positions[shard(ANNA)] == position


def test_shards_that_do_not_advance_stay() -> None:
    """Their rows are neither folded nor closed, and have no position in the outcome."""
    store = replay()
    batch = batch_of([event(0, T0), event(1, T0, BEN)], 0, 2)
    store.step(batch, [shard(ANNA)])
    assert set(store.fragments) == {ANNA}
    assert set(store.outcomes[-1].positions) == {shard(ANNA)}


def test_rows_ahead_of_their_position_are_not_folded_again() -> None:
    """A script that failed half-way wrote rows without the position: they keep their bytes."""
    store, log = replay(), [event(0, T0), event(1, T0 + HOUR)]
    old = dict(store.positions)
    feed(store, log)
    row, counted = store.fragments[ANNA], store.positions[shard(ANNA)].counters
    store.positions, store.watermark = old, Watermark()
    feed(store, log)
    assert store.fragments[ANNA] == row
    assert store.positions[shard(ANNA)].counters == counted


def test_position_has_the_end_and_w() -> None:
    """Same version, same nonce: the shell sets the next ones."""
    store = replay()
    feed(store, [event(5, T0)])
    position = store.positions[shard(ANNA)]
    assert position.topics[0] == TopicPosition(b"t" * 16, 6, Watermark(T0))
    assert position.version == 0


def test_delete_leaves_a_tombstone() -> None:
    """Features, edges and open examples go; late events of before meet the time of the delete."""
    store = replay()
    feed(store, [event(0, T0, links=[BEN])])
    out = feed(store, [control("delete", 1, T0 + HOUR)])
    assert out.deleted.tolist() == [0]
    assert out.edges == {0: Edges()}
    assert out.deadline.tolist() == [0]
    assert ANNA not in store.served
    tombstone = CATALOG.new_fragments(1)
    tombstone["deleted_at"], tombstone["last_offset"] = T0 + HOUR, 1
    assert store.fragments[ANNA] == tombstone.tobytes()
    assert feed(store, [event(2, T0 + HOUR)]).scored.tolist() == []
    assert store.fragments[ANNA] == tombstone.tobytes()


def test_who_comes_back_in_the_same_batch_is_both() -> None:
    """Deleted (attributes go) and scored (the served row is new, not forgotten)."""
    store = replay()
    feed(store, [event(0, T0)])
    out = feed(store, [control("delete", 1, T0 + 5), event(2, T0 + HOUR)])
    assert out.deleted.tolist() == out.scored.tolist() == [0]
    assert np.isnan(out.served["previous"]).all()
    assert out.fragment["life"][0, 0] == 1.0


def test_repeated_delete_changes_nothing() -> None:
    """What was deleted up to then is deleted; newer events stay."""
    store = replay()
    feed(store, [event(0, T0), control("delete", 1, T0 + 5), event(2, T0 + 9)])
    out = feed(store, [control("delete", 3, T0 + 5)])
    assert out.deleted.tolist() == []
    assert not out.fragment_changed.any()


def test_links_go_to_the_other_ends() -> None:
    """A derived record for each new edge, in order of origin; none when it is seen again."""
    store, phone = replay(), Identity(b"device:phone")
    feed(store, [event(0, T0, links=[BEN, phone])])
    first = store.derived[:]
    assert [(c.identity, c.other, c.origin) for c in first] == [
        (BEN, ANNA, (shard(ANNA), 0, 0)),
        (phone, ANNA, (shard(ANNA), 0, 1)),
    ]
    assert [c.identity_hash for c in first] == [hash_of(BEN), hash_of(phone)]
    feed(store, [event(1, T0 + HOUR, links=[BEN])])
    assert store.derived == first
    feed(store, [event(2, T0 + 25 * HOUR, links=[BEN])])
    assert len(store.derived) == 3


def test_derived_edge_is_folded_once() -> None:
    """A second delivery of the same origin is a duplicate."""
    store = replay()
    edge = control("edge", 0, T0, BEN, ANNA, origin=(3, 70, 1))
    feed(store, [edge])
    assert store.positions[shard(BEN)].origins == {3: (70, 1)}
    feed(store, [control("edge", 1, T0 + 1, BEN, ANNA, origin=(3, 70, 1))])
    assert counts(store.positions[shard(BEN)]) == {"control": 1, "duplicates": 1}
    feed(store, [control("edge", 2, T0 + 2, BEN, ANNA, origin=(3, 70, 2))])
    assert store.positions[shard(BEN)].origins == {3: (70, 2)}
    assert not store.derived


def test_unlink_by_hand_is_told_to_the_other_end() -> None:
    """Both ends end up without the edge."""
    store = replay()
    feed(store, [event(0, T0, links=[BEN])])
    out = feed(store, [control("unlink", 1, T0 + 5, ANNA, BEN)])
    assert out.fragment["links"].tolist() == [0]
    assert Edges.decode(store.edges[ANNA]).others() == []
    told = store.derived[-1]
    assert (told.kind, told.identity, told.other) == ("unlink", BEN, ANNA)


def test_inputs_are_not_changed() -> None:
    """A step may be tried again with the very same arguments."""
    store = replay()
    feed(store, [event(0, T0)])
    rows = CATALOG.decode_fragments([store.fragments[ANNA]])
    served, _ = CATALOG.decode_served([store.served[ANNA]])
    fetched = Fetched([ANNA], np.array([shard(ANNA)], np.int32), rows, served)
    before = rows.tobytes() + served.tobytes()
    batch = batch_of([event(1, T0 + 8 * DAY), control("delete", 2, T0 + 9 * DAY)], 1, 3)
    positions = {shard(ANNA): store.positions[shard(ANNA)]}
    results = [
        step(batch, Watermark(T0), fetched, positions, CATALOG, linear_scorer(), SETTINGS)
        for _ in range(2)
    ]
    assert rows.tobytes() + served.tobytes() == before
    assert results[0].fragment.tobytes() == results[1].fragment.tobytes()


def test_empty_batch_of_nothing() -> None:
    """No rows, no records: only positions."""
    none = Fetched([], np.empty(0, np.int32), CATALOG.new_fragments(0), CATALOG.new_served(0))
    position = Position(CATALOG.layout, (TopicPosition(b"t" * 16, 4),))
    batch = Batch(0, 7, 7, batch_of([], 7, 7).events)
    out = step(batch, Watermark(T0), none, {2: position}, CATALOG, linear_scorer(), SETTINGS)
    assert out.positions[2].topics[0] == TopicPosition(b"t" * 16, 7, Watermark(T0))
    assert len(out.closed) == len(out.scored) == 0


def test_prefix_is_the_batch_cut_at_an_offset() -> None:
    """Events, controls and rejected records before the offset; identities keep their index."""
    batch = batch_of(
        [event(0, T0), Rejected(1, 0, 5), control("delete", 2, T0), event(3, T0, BEN)], 0, 4
    )
    part = batch.prefix(2)
    assert (part.base, part.end, len(part.events)) == (0, 2, 1)
    assert (len(part.controls), len(part.rejected)) == (0, 1)
    assert part.events.identities == batch.events.identities
    assert batch.prefix(4) is batch
