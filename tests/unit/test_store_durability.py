"""Which commits count as safe when several are under way at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from profile_store.commands import Args, Command
from profile_store.durability import Barrier
from profile_store.errors import StoreUnavailable
from profile_store.keys import Keys
from profile_store.options import Durability


class FakeLink:
    """Answers each call when told to, with the number of replicas that it is told."""

    name = "fake"
    clustered = False

    def __init__(self) -> None:
        self.calls: list[tuple[Sequence[Command], asyncio.Future[int]]] = []

    async def run(self, commands: Sequence[Command]) -> list[Any]:
        """Only for the protocol."""
        raise NotImplementedError

    async def run_then(
        self, commands: Sequence[Command], then: Args, extra_s: float
    ) -> tuple[list[Any], list[Any]]:
        """Waits for its answer."""
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.calls.append((commands, answer))
        replicas = await answer
        return [1] * len(commands), [replicas]

    async def close(self) -> None:
        """Nothing to drop."""


async def test_a_success_beside_a_failure_confirms_only_itself() -> None:
    """Connections differ, so a WAIT that succeeds says nothing of the commit beside it."""
    link = FakeLink()
    barrier = Barrier(link, Keys(64), Durability(replicas=1))
    command = Command(0, ("EVALSHA",))
    async with asyncio.TaskGroup() as group:
        lost, kept = (group.create_task(_outcome(barrier, command)) for _ in range(2))
        await _calls(link, 2)
        link.calls[0][1].set_result(0)
        await lost
        link.calls[1][1].set_result(1)
    assert (lost.result(), kept.result()) == (False, True)

    confirming = asyncio.create_task(barrier.confirm())
    await _calls(link, 3)
    assert link.calls[2][0][0].args[0] == "SET"
    link.calls[2][1].set_result(1)
    await confirming
    await barrier.confirm()
    assert len(link.calls) == 3


async def test_what_fails_during_a_confirmation_stays_in_doubt() -> None:
    """A commit that fails while others are confirmed may have come after the barrier."""
    link = FakeLink()
    barrier = Barrier(link, Keys(64), Durability(replicas=1))
    command = Command(0, ("EVALSHA",))
    async with asyncio.TaskGroup() as group:
        first = group.create_task(_outcome(barrier, command))
        await _calls(link, 1)
        link.calls[0][1].set_result(0)
        await first
        confirming = group.create_task(barrier.confirm())
        await _calls(link, 2)
        second = group.create_task(_outcome(barrier, command))
        await _calls(link, 3)
        link.calls[2][1].set_result(0)
        await second
        link.calls[1][1].set_result(1)
        await confirming
    again = asyncio.create_task(barrier.confirm())
    await _calls(link, 4)
    link.calls[3][1].set_result(1)
    await again


async def _outcome(barrier: Barrier, command: Command) -> bool:
    try:
        await barrier.run([command])
    except StoreUnavailable:
        return False
    return True


async def _calls(link: FakeLink, count: int) -> None:
    for _ in range(100):
        if len(link.calls) >= count:
            return
        await asyncio.sleep(0)
    raise AssertionError(f"{len(link.calls)} calls instead of {count}")
