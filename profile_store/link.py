"""To one server, or to the servers of a cluster: commands by slot, one round trip for all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from profile_store.cluster_link import ClusterLink
from profile_store.commands import Args, Command
from profile_store.connection import Greeting
from profile_store.options import RedisOptions
from profile_store.single_link import SingleLink


class Link(Protocol):
    """Runs commands. Error replies are values in the result; raises StoreError for the rest."""

    @property
    def name(self) -> str:
        """What messages call the other side."""
        ...

    @property
    def clustered(self) -> bool:
        """Whether there are several servers."""
        ...

    async def run(self, commands: Sequence[Command]) -> list[Any]:
        """Replies in order; commands to the same server run in order."""
        ...

    async def run_then(
        self, commands: Sequence[Command], then: Args, extra_s: float
    ) -> tuple[list[Any], list[Any]]:
        """The same, and `then` last on each connection that ran something, with its replies.

        extra_s: how much longer than usual the servers may take.
        """
        ...

    async def close(self) -> None:
        """Drop all connections."""
        ...


def connect(options: RedisOptions, greeting: Sequence[Args] = (), *, writes: bool = False) -> Link:
    """A link that connects at first use. Raises ValueError when the URL cannot be used.

    greeting: sent on every new connection. writes: refuse a server that may evict keys.
    """
    greet = Greeting(greeting, writes=writes)
    return ClusterLink(options, greet) if options.cluster else SingleLink(options, greet)
