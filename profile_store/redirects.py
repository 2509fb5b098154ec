"""What a cluster node answers when a key is not its own, and where the command belongs then.

redis-py follows redirections too, but sends ASKING on whatever connection is free, so that the
command behind it may travel on another one and come back (8.1). Here both are on one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from redis.exceptions import AskError, MovedError

from profile_store.commands import Command
from profile_store.replies import is_error

HOPS = 8
"""Redirections of one command; a cluster that agrees with itself needs two at most."""

PATIENCE_S = 1.0
"""How long a command waits for a slot that is being moved."""

_SHORTEST_S, _LONGEST_S = 0.005, 0.1


class Node(Protocol):
    """A server of the cluster, as redis-py's cluster client has it."""

    name: str


@dataclass(frozen=True, slots=True)
class Errand:
    """A command on its way. place: among those of the call; asking: the slot is half there."""

    place: int
    command: Command
    node: Any
    asking: bool = False
    hops: int = 0

    def sent_on(self, node: Node, *, asking: bool) -> Errand:
        """The same to another node."""
        return replace(self, node=node, asking=asking, hops=self.hops + 1)

    @property
    def lost(self) -> bool:
        """Whether nobody takes it: the nodes do not agree, and an error reply is the answer."""
        return self.hops >= HOPS


def redirected(reply: Any) -> bool:
    """Whether the command did not run, because of the slot of its keys."""
    return isinstance(reply, MovedError | AskError) or is_error(reply, "TRYAGAIN")


def keys_apart(command: Command) -> list[Command]:
    """A read of many keys as reads of each; none for other commands.

    While a slot moves, a command whose keys are at two nodes, or do not exist, is refused with
    TRYAGAIN. One key is always somewhere. Positions come first, as in the whole: rows are then
    those of the position or newer, and a commit on a position that is older than its rows fails
    its comparison.

    >>> [c.args for c in keys_apart(Command(7, ("MGET", b"p", b"f")))]
    [('GET', b'p'), ('GET', b'f')]
    """
    if command.args[0] != "MGET":
        return []
    return [Command(command.slot, ("GET", key)) for key in command.args[1:]]


def together(parts: Sequence[Any]) -> Any:
    """The reply of the whole: values, or the first error."""
    return next((part for part in parts if is_error(part)), list(parts))


class Patience:
    """Pauses between attempts: doubling, and over after PATIENCE_S."""

    def __init__(self, time: Callable[[], float]) -> None:
        self._time = time
        self._until = time() + PATIENCE_S
        self._next = _SHORTEST_S

    def pause(self) -> float | None:
        """Seconds until the next attempt, None when there is to be none."""
        if self._time() >= self._until:
            return None
        pause, self._next = self._next, min(2 * self._next, _LONGEST_S)
        return pause
