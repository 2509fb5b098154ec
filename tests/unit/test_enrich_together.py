"""What waits is folded together; large folds run beside each other; nobody is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest

from streams.enrich.partition import OwnedPartition
from streams.enrich.together import LARGE, MOST, Job, Together
from streams.records import RecordBatch


def part(number: int) -> OwnedPartition:
    """A partition."""
    return OwnedPartition(number, (number,))


def records(number: int, size: int = 1) -> RecordBatch:
    """Some records of it."""
    zeros = np.zeros(size, np.int64)
    none = [None] * size
    return RecordBatch("events", number, 0, size, 0, zeros, zeros, none, none, [()] * size)


class Folds:
    """Folds that end when they are told to."""

    def __init__(self) -> None:
        self.together = Together(self.fold)
        self.begun: list[list[int]] = []
        self.gates: list[asyncio.Event] = []
        self.error: Exception | None = None
        self.cancelled = 0

    async def fold(self, jobs: Sequence[Job]) -> None:
        """Wait for the gate, then end all jobs."""
        self.begun.append([job.part.number for job in jobs])
        gate = asyncio.Event()
        self.gates.append(gate)
        try:
            await gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.error is not None:
            raise self.error
        for job in jobs:
            job.succeed()

    def submit(self, *numbers: int, size: int = 1) -> list[asyncio.Task[None]]:
        """A batch of each partition."""
        return [asyncio.create_task(self.together.fold(part(n), records(n, size))) for n in numbers]


async def turns() -> None:
    """Let everything run that can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_what_comes_in_the_same_moment_or_meanwhile_is_one_fold() -> None:
    """1 and 2 come at once, 3 and 4 while they are folded: two folds of two partitions."""
    folds = Folds()
    first = folds.submit(1, 2)
    await turns()
    second = folds.submit(3, 4)
    await turns()
    assert folds.begun == [[1, 2]]
    folds.gates[0].set()
    await asyncio.gather(*first)
    await turns()
    assert folds.begun == [[1, 2], [3, 4]]
    folds.gates[1].set()
    await asyncio.gather(*second)


async def test_large_folds_run_beside_each_other() -> None:
    """While one waits for the store, another may compute; none holds more than MOST records."""
    folds = Folds()
    waiting = folds.submit(1, 2, 3, size=MOST // 2)
    await turns()
    waiting += folds.submit(4, size=LARGE)
    await turns()
    assert folds.begun == [[1, 2], [3], [4]]
    for gate in folds.gates:
        gate.set()
    await asyncio.gather(*waiting)


async def test_an_error_reaches_every_submitter() -> None:
    """What the fold of several partitions raises is raised to each of them."""
    folds = Folds()
    folds.error = ValueError("broken")
    waiting = folds.submit(1, 2)
    await turns()
    folds.gates[0].set()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert [repr(e) for e in found] == ["ValueError('broken')"] * 2
    folds.error = None
    (after,) = folds.submit(3)
    await turns()
    folds.gates[1].set()
    await after


async def test_a_cancelled_submitter_holds_on_until_its_fold_ends() -> None:
    """The lock that it holds guards what the fold still changes; the other one is served."""
    folds = Folds()
    one, two = folds.submit(1, 2)
    await turns()
    one.cancel()
    await turns()
    assert not one.done()
    folds.gates[0].set()
    await two
    with pytest.raises(asyncio.CancelledError):
        await one
    assert folds.cancelled == 0


async def test_a_fold_that_nobody_waits_for_is_cancelled() -> None:
    """All its submitters are gone; what had not begun is not begun."""
    folds = Folds()
    waiting = folds.submit(1, 2)
    await turns()
    late = folds.submit(3)
    await turns()
    for task in [*waiting, *late]:
        task.cancel()
    await asyncio.wait([*waiting, *late])
    await turns()
    assert folds.cancelled == 1
    assert folds.begun == [[1, 2]]


async def test_small_folds_keep_a_distance() -> None:
    """What comes soon after a fold began waits and shares the next; after a pause nothing waits."""
    now = 0.0
    folds = Folds()
    folds.together = Together(folds.fold, 0.05, lambda: now)
    first = folds.submit(0)
    await turns()
    folds.gates[0].set()
    await asyncio.gather(*first)
    assert folds.begun == [[0]]
    later = folds.submit(1)
    await turns()
    later += folds.submit(2)
    await turns()
    assert folds.begun == [[0]]  # the clock stands still
    async with asyncio.timeout(30):
        while len(folds.begun) < 2:
            await asyncio.sleep(0.001)
    assert folds.begun[1] == [1, 2]
    folds.gates[1].set()
    await asyncio.gather(*later)
    now = 1.0
    last = folds.submit(3)
    await turns()
    assert folds.begun[2:] == [[3]]
    folds.gates[2].set()
    await asyncio.gather(*last)


async def test_a_large_fold_does_not_wait() -> None:
    """The distance is for small ones: a large one starts at once."""
    folds = Folds()
    folds.together = Together(folds.fold, 3600.0, lambda: 0.0)
    first = folds.submit(0)
    await turns()
    folds.gates[0].set()
    await asyncio.gather(*first)
    large = folds.submit(1, size=LARGE)
    await turns()
    assert folds.begun == [[0], [1]]
    folds.gates[1].set()
    await asyncio.gather(*large)


async def test_waiting_for_the_distance_can_be_cancelled() -> None:
    """A batch that is given up while its fold is kept back is not folded."""
    folds = Folds()
    folds.together = Together(folds.fold, 3600.0, lambda: 0.0)
    first = folds.submit(0)
    await turns()
    folds.gates[0].set()
    await asyncio.gather(*first)
    (given_up,) = folds.submit(1)
    await turns()
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    large = folds.submit(2, size=LARGE)
    await turns()
    assert folds.begun == [[0], [2]]
    folds.gates[1].set()
    await asyncio.gather(*large)
