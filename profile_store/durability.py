"""Waiting until replicas, or the append-only file, have a commit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from profile_store.commands import Args, Command
from profile_store.errors import StoreUnavailable
from profile_store.keys import Keys
from profile_store.link import Link
from profile_store.options import Durability
from profile_store.replies import checked


class Barrier:
    """Runs writes and then waits as `durability` asks.

    Where too few servers confirm in time, StoreUnavailable is raised and stays in force: the next
    `confirm` waits again, so that a caller who re-reads the position and finds its own commit
    there knows that it is as safe as the others.
    """

    def __init__(self, link: Link, keys: Keys, durability: Durability) -> None:
        self._link = link
        self._keys = keys
        self._durability = durability
        self._failed = 0

    async def run(self, commands: Sequence[Command]) -> list[Any]:
        """Replies of commands that write, once they are safe."""
        if not self._durability.waits or not commands:
            return await self._link.run(commands)
        try:
            replies, waits = await self._link.run_then(
                commands, self._wait(), self._durability.timeout_ms / 1000
            )
            self._check(waits)
        except BaseException:
            self._failed += 1
            raise
        return replies

    async def confirm(self) -> None:
        """Wait until everything written so far is safe; returns at once if it is known to be."""
        failed = self._failed
        if not failed:
            return
        # WAIT looks at writes of its own connection: this one comes after all earlier ones.
        shards = range(self._keys.shards)
        marks = [Command(self._keys.slot(s), ("SET", self._keys.barrier(s), b"")) for s in shards]
        checked(await self.run(marks), self._link.name)
        self._failed -= failed  # not those that failed meanwhile: they may have come later

    def _wait(self) -> Args:
        d = self._durability
        if d.fsync:
            return ("WAITAOF", 1, d.replicas, d.timeout_ms)
        return ("WAIT", d.replicas, d.timeout_ms)

    def _check(self, waits: Sequence[Any]) -> None:
        d = self._durability
        for reply in checked(list(waits), self._link.name):
            local, replicas = reply if d.fsync else (1, reply)
            if replicas < d.replicas or not local:
                what = "fsynced" if d.fsync else "received"
                raise StoreUnavailable(
                    f"Redis at {self._link.name}: {replicas} of {d.replicas} replicas have {what} "
                    f"the commit within {d.timeout_ms} ms"
                    + ("" if local else ", and it is not in the server's append-only file")
                )
