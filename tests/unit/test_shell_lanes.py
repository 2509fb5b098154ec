"""The lanes without a broker: order, epochs, and what each error does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

import pytest

from profile_store.errors import StoreUnavailable
from shell_lane_rig import TPS, Rig
from streams.errors import BrokerUnavailable, TooManyFailures
from streams.ports import TP, LogRange, Rewind, StopPartition


@pytest.fixture
async def rig() -> Rig:
    """All four topic partitions taken over."""
    made = Rig()
    await made.lanes.assume(TPS)
    return made


async def test_takes_over_at_the_positions_of_the_plane() -> None:
    """Every topic partition is sought to what the plane says, and read from there."""
    rig = Rig()
    rig.plane.position = 7
    await rig.lanes.assume(TPS)
    assert rig.source.sought == dict.fromkeys(TPS, 7)
    assert rig.source.paused == set()


async def test_one_batch_of_a_partition_at_a_time_in_order(rig: Rig) -> None:
    """Topics of a partition number share a lane; other numbers run beside it."""
    for base in range(5):
        for topic, partition in sorted(TPS):
            rig.submit(topic, partition, base)
    await rig.until(lambda: rig.acknowledged == 20)
    for number in (0, 1):
        lane = [(t, base) for t, n, base in rig.plane.processed if n == number]
        assert lane == [(t, base) for base in range(5) for t in ("a", "b")]
    assert rig.plane.most == 2
    assert rig.source.released == 20


async def test_what_comes_while_a_lane_is_busy_is_folded_in_one_go(rig: Rig) -> None:
    """Batches that follow each other are joined; gaps, other topics and the size part them."""
    gate = asyncio.Event()
    rig.plane.steps = [gate]
    rig.submit("a", 0)
    await rig.until(lambda: bool(rig.plane.now))
    for topic, base in [("a", 1), ("a", 2), ("b", 0), ("a", 3), ("a", 5), ("a", 6)]:
        rig.submit(topic, 0, base)
    gate.set()
    await rig.until(lambda: rig.acknowledged == 7)
    assert [(t, base) for t, _, base in rig.plane.processed] == [
        ("a", 0), ("a", 1), ("b", 0), ("a", 3), ("a", 5),
    ]  # fmt: skip
    assert rig.plane.sizes == [1, 2, 1, 1, 2]
    assert rig.source.released == 7


async def test_acknowledges_last(rig: Rig) -> None:
    """Nothing is acknowledged or marked as folded while the plane is at it."""
    gate = asyncio.Event()
    rig.plane.steps = [gate]
    rig.submit("a", 0)
    await rig.until(lambda: bool(rig.plane.now))
    assert (rig.acknowledged, rig.source.done, rig.source.released) == (0, [], 0)
    gate.set()
    await rig.until(lambda: rig.acknowledged == 1)
    assert rig.source.done == [("a", 0, 0)]


async def test_rewind_drops_what_was_read_before(rig: Rig) -> None:
    """Queued batches of an older epoch are not folded; the ones read after the seek are."""
    rig.plane.steps = [Rewind({("a", 0): 3, ("b", 0): 5}, "elsewhere")]
    for base in range(3):
        rig.submit("a", 0, base)
    rig.submit("a", 1, 9)
    await rig.until(lambda: rig.acknowledged == 4)
    assert rig.plane.processed == [("a", 1, 9)]
    assert (rig.source.sought["a", 0], rig.source.sought["b", 0]) == (3, 5)
    rig.submit("a", 0, 3)
    await rig.until(lambda: rig.acknowledged == 5)
    assert rig.plane.processed[-1] == ("a", 0, 3)


async def test_a_batch_that_was_not_folded_is_read_again(rig: Rig) -> None:
    """Also when the rewind that its fold ended in names another partition only."""
    rig.plane.steps = [Rewind({("a", 0): 3}, "from the other lane")]
    rig.submit("b", 1, 7)
    await rig.until(lambda: rig.acknowledged == 1 and ("a", 0) in rig.source.sought)
    await rig.until(lambda: rig.source.sought[("b", 1)] == 7)
    assert rig.plane.processed == []


async def test_rewind_of_another_partition_waits_for_its_lane(rig: Rig) -> None:
    """A lane at work is not sought under its feet."""
    gate = asyncio.Event()
    rig.plane.steps = [gate, Rewind({("a", 0): 3}, "from the other lane")]
    rig.submit("a", 0)
    await rig.until(lambda: rig.plane.now == {0})
    rig.submit("a", 1)
    await rig.until(lambda: rig.acknowledged == 1)
    assert rig.source.sought["a", 0] == 0
    gate.set()
    await rig.until(lambda: rig.source.sought["a", 0] == 3)


@pytest.mark.parametrize("error", [StoreUnavailable("away"), BrokerUnavailable("away")])
async def test_lost_partition_is_taken_over_again(rig: Rig, error: Exception) -> None:
    """It pauses, others go on, and it is sought and resumed when the store is back."""
    rig.plane.steps = [error]
    rig.plane.assigning = [StoreUnavailable("still away")] * 3
    rig.submit("a", 0)
    await rig.until(lambda: rig.source.paused == {("a", 0), ("b", 0)})
    rig.submit("b", 0)
    rig.submit("a", 1)
    await rig.until(lambda: rig.acknowledged == 3)
    assert rig.plane.processed == [("a", 1, 0)]
    rig.plane.position = 4
    await rig.until(lambda: rig.source.paused == set())
    assert rig.source.sought["a", 0] == 4
    assert rig.source.sought["a", 1] == 0


async def test_store_away_at_a_rebalance() -> None:
    """The rebalance is not held up: partitions pause and are taken over later."""
    rig = Rig()
    rig.plane.assigning = [StoreUnavailable("away")] * 2
    await rig.lanes.assume(TPS)
    assert rig.source.paused == TPS
    await rig.until(lambda: rig.source.paused == set())
    assert set(rig.source.sought) == TPS


async def test_broker_without_answers_at_a_rebalance() -> None:
    """The ends of the logs cannot be read: as if the store were away."""
    rig = Rig()
    rig.source.error = BrokerUnavailable("no leader")
    await rig.lanes.assume(TPS)
    assert rig.source.paused == TPS
    rig.source.error = None
    await rig.until(lambda: rig.source.paused == set())


async def test_slow_positions_do_not_hold_up_a_rebalance() -> None:
    """Longer than the limit counts as away."""
    rig = Rig()
    slow = asyncio.Event()
    first = rig.plane.assigned

    async def assigned(logs: Mapping[TP, LogRange]) -> dict[TP, int]:
        if not slow.is_set():
            await slow.wait()
        return await first(logs)

    rig.plane.assigned = assigned  # type: ignore[method-assign]
    async with asyncio.timeout(2):
        await rig.lanes.assume(TPS)
    assert rig.source.paused == TPS
    slow.set()
    await rig.until(lambda: rig.source.paused == set())


async def test_unexpected_errors_are_retried_then_stop(rig: Rig) -> None:
    """Two in a row are forgiven, the third one halts; nothing of it is marked as folded."""
    for _ in range(2):
        rig.plane.steps = [ValueError("a bug")]
        before = rig.source.pauses
        rig.submit("a", 0)
        await rig.paused_and_resumed(before)
    rig.plane.steps = [ValueError("a bug")]
    rig.submit("a", 0)
    await rig.until(rig.lanes.halted.done)
    assert isinstance(rig.lanes.halted.exception(), TooManyFailures)
    assert "a bug" in str(rig.lanes.halted.exception())
    assert rig.source.done == []


async def test_success_forgives_earlier_errors(rig: Rig) -> None:
    """Only errors in a row count."""
    for _ in range(4):
        rig.plane.steps = [ValueError("now and then")]
        before = rig.source.pauses
        rig.submit("a", 0)
        await rig.paused_and_resumed(before)
        acked = rig.acknowledged
        rig.submit("a", 0)
        await rig.until(lambda acked=acked: rig.acknowledged > acked)  # type: ignore[misc]
    assert not rig.lanes.halted.done()


async def test_stop_partition_halts(rig: Rig) -> None:
    """Nothing is folded after it, and everything is paused."""
    rig.plane.steps = [StopPartition("another log")]
    rig.submit("a", 0)
    rig.submit("a", 0, 1)
    await rig.until(lambda: rig.acknowledged == 2)
    assert isinstance(rig.lanes.halted.exception(), StopPartition)
    assert rig.plane.processed == []
    assert rig.source.paused == TPS


async def test_position_past_the_end_is_looked_at_twice() -> None:
    """A position that moved while we asked is fine; one that stays outside halts."""
    rig = Rig()
    rig.plane.position = 150
    asked = rig.source.log_ranges

    async def growing(tps: Iterable[TP]) -> dict[TP, LogRange]:
        ranges = await asked(tps)
        rig.source.ends = 200
        return ranges

    rig.source.log_ranges = growing  # type: ignore[method-assign]
    await rig.lanes.assume(TPS)
    assert not rig.lanes.halted.done()
    rig.plane.position = 201
    await rig.lanes.assume(TPS)
    assert "outside of the log" in str(rig.lanes.halted.exception())


async def test_revoke_finishes_what_is_quick_and_abandons_the_rest(rig: Rig) -> None:
    """The batch at work may end; one that hangs is cancelled; the plane lets go within limits."""
    quick, never = asyncio.Event(), asyncio.Event()
    rig.plane.steps = [quick, never]
    rig.submit("a", 0)
    rig.submit("a", 1)
    rig.submit("b", 1)
    await rig.until(lambda: rig.plane.now == {0, 1})
    asyncio.get_running_loop().call_later(0.05, quick.set)
    async with asyncio.timeout(1):
        await rig.lanes.revoke()
    assert rig.plane.processed == [("a", 0, 0)]
    assert rig.plane.gave_up == [[0, 1]]
    assert rig.acknowledged == 3
    assert rig.plane.now == set()


async def test_plane_that_does_not_let_go(rig: Rig) -> None:
    """A rebalance is not held up longer than the limit."""
    rig.plane.revoking = asyncio.Event()
    async with asyncio.timeout(1):
        await rig.lanes.revoke()
    assert rig.plane.gave_up == [[0, 1]]


async def test_nothing_is_folded_after_a_revocation(rig: Rig) -> None:
    """Batches that come late are acknowledged, released and dropped."""
    late = rig.source.batch("a", 0)
    await rig.lanes.revoke()
    rig.lanes.submit(late, rig._acknowledge)
    await rig.until(lambda: rig.acknowledged == 1)
    assert rig.plane.processed == []


async def test_revocation_ends_the_recovery(rig: Rig) -> None:
    """Lost partitions of others are no longer our business."""
    rig.plane.steps = [StoreUnavailable("away")]
    rig.plane.assigning = [StoreUnavailable("away")] * 1000
    rig.submit("a", 0)
    await rig.until(lambda: bool(rig.source.paused))
    await rig.lanes.revoke()
    left = len(rig.plane.assigning)
    await asyncio.sleep(0.05)
    assert len(rig.plane.assigning) == left


async def test_tick_may_rewind(rig: Rig) -> None:
    """An older store under idle partitions is noticed by the once-a-second work."""
    rig.plane.ticking = [StoreUnavailable("away"), Rewind({("b", 1): 2}, "older")]
    await rig.until(lambda: rig.source.sought["b", 1] == 2)
    await rig.lanes.close()


async def test_close_folds_what_is_in_hand(rig: Rig) -> None:
    """A clean shutdown waits for the batches that were read."""
    for base in range(3):
        rig.submit("a", 0, base)
    await rig.lanes.close()
    assert sum(rig.plane.sizes) == 3
    assert rig.acknowledged == 3
    assert rig.plane.gave_up == [[0, 1]]


async def test_batches_of_one_message_are_acknowledged_by_the_last(rig: Rig) -> None:
    """A message is of several partitions: while one of them is not folded it is not done."""
    gate = asyncio.Event()
    rig.plane.steps = [gate]
    batches = [rig.source.batch("a", 0), rig.source.batch("a", 1)]
    rig.lanes.submit_all(batches, rig._acknowledge)
    await rig.until(lambda: rig.source.released == 1)
    assert (len(rig.plane.processed), rig.acknowledged) == (1, 0)
    gate.set()
    await rig.until(lambda: rig.acknowledged == 1)
    assert sorted(n for _, n, _ in rig.plane.processed) == [0, 1]
