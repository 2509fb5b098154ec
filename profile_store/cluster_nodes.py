"""What a node of a Redis Cluster knows of the cluster: the reply to CLUSTER NODES."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClusterNode:
    """One line. epoch: of its configuration, it grows with each slot that the node gets."""

    name: str
    address: str
    flags: frozenset[str]
    master: str
    """Name of the node that this one follows, "" for a master."""
    epoch: int
    linked: bool
    slots: tuple[tuple[int, int], ...]
    """First and last of each range."""
    moving: frozenset[int]
    """Slots that come or go; a node says so of itself only."""

    @property
    def failing(self) -> bool:
        """Whether others cannot reach it, or the one that was asked cannot."""
        return bool(self.flags & {"fail", "fail?", "noaddr", "handshake"}) or not (
            self.linked or "myself" in self.flags
        )

    def serves(self, slot: int) -> bool:
        """Whether the slot is its own."""
        return any(first <= slot <= last for first, last in self.slots)


def read_nodes(reply: bytes | str) -> list[ClusterNode]:
    """All nodes that the asked one knows.

    >>> (node,) = read_nodes("ab h:7000@17000,h myself,master - 0 0 3 connected 0-5 7 [7->-cd]")
    >>> (node.name, node.address, node.epoch, node.slots, sorted(node.moving))
    ('ab', 'h:7000', 3, ((0, 5), (7, 7)), [7])
    """
    text = reply.decode() if isinstance(reply, bytes) else reply
    return [_node(line.split()) for line in text.splitlines() if line.strip()]


def sole_owner(reply: bytes | str, slot: int) -> str:
    """Name and epoch of the asked node, if the slot and all of its keys are there; else "".

    >>> sole_owner("ab h:1@2 myself,master - 0 0 3 connected 0-9", 7)
    'ab 3'
    >>> sole_owner("ab h:1@2 myself,master - 0 0 3 connected 0-9 [7->-cd]", 7)
    ''
    """
    for node in read_nodes(reply):
        if "myself" in node.flags and node.serves(slot) and slot not in node.moving:
            return f"{node.name} {node.epoch}"
    return ""


def _node(words: Sequence[str]) -> ClusterNode:
    name, address, flags, master, _, _, epoch, link, *places = words
    ranges = [place.partition("-") for place in places if not place.startswith("[")]
    moving = [place[1:].partition("-")[0] for place in places if place.startswith("[")]
    return ClusterNode(
        name,
        address.partition("@")[0],
        frozenset(flags.split(",")),
        "" if master == "-" else master,
        int(epoch),
        link == "connected",
        tuple((int(first), int(last or first)) for first, _, last in ranges),
        frozenset(map(int, moving)),
    )
