"""Laws of the step: ascending examples, shards that do not know of each other."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

from hypothesis import given, settings
from hypothesis import strategies as st

from afflux.oracle.records import Record
from afflux.step import StepSettings
from core_cases import CATALOG, linear_scorer
from core_logs import CUTS, HASH, LOGS
from core_replay import Replay, batch_of

SETTINGS = StepSettings(shards=8)
SCORER = linear_scorer()


def replayed(log: Sequence[Record], size: int, reverse: bool = False) -> Replay:
    """The log in batches of `size` offsets, advanced to its end."""
    replay, end = Replay(CATALOG, SCORER, SETTINGS), log[-1].offset + 1
    replay.reverse_extra_rows = reverse
    for base in range(0, end, size):
        replay.advance(log, base, min(base + size, end))
    replay.finish(end)
    return replay


@settings(max_examples=60, deadline=None)
@given(LOGS, CUTS)
def test_examples_ascend_within_a_shard(
    log: Sequence[Record], cuts: Sequence[tuple[int, int]]
) -> None:
    """(deadline, identity, model) grows strictly: a learner drops what is not newer."""
    replay, base, end = Replay(CATALOG, SCORER, SETTINGS), 0, log[-1].offset + 1
    for size, lagging in cycle(cuts):
        if base >= end:
            break
        replay.advance(log, base, min(base + size, end), lagging)
        base += size
    replay.finish(end)
    for examples in replay.closed.values():
        keys = [e.key for e in examples]
        assert keys == sorted(set(keys))


@settings(max_examples=60, deadline=None)
@given(LOGS, st.integers(1, 30))
def test_shards_do_not_know_of_each_other(log: Sequence[Record], size: int) -> None:
    """Each shard stepped alone ends like all of them together."""
    together, alone = replayed(log, size), Replay(CATALOG, SCORER, SETTINGS)
    end = log[-1].offset + 1
    for base in range(0, end, size):
        stop = min(base + size, end)
        batch = batch_of([r for r in log if base <= r.offset < stop], base, stop)
        for shard in range(SETTINGS.shards):
            alone.step(batch, [shard])
        alone.pass_by(batch)
    alone.finish(end)
    assert alone.fragments == together.fragments
    assert alone.closed == together.closed
    assert {s: p.counters for s, p in alone.positions.items()} == {
        s: p.counters for s, p in together.positions.items()
    }
    assert alone.served.keys() == together.served.keys()


@settings(max_examples=60, deadline=None)
@given(LOGS, st.integers(1, 30))
def test_order_of_further_rows_does_not_matter(log: Sequence[Record], size: int) -> None:
    """Rows of controls and of due deadlines may stand in any order."""
    one, other = replayed(log, size), replayed(log, size, reverse=True)
    assert one.fragments == other.fragments
    assert one.served == other.served
    assert one.closed == other.closed
    assert one.edges == other.edges


def test_the_people_of_these_tests_share_shards() -> None:
    """Otherwise the laws of shards would be tested on shards of one."""
    shards = [h % SETTINGS.shards for h in HASH.values()]
    assert len(set(shards)) < len(shards)
