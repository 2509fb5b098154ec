"""Who is watched: people by name, or those whose hash falls below a bound."""

from __future__ import annotations

from dataclasses import dataclass

from afflux.names import Identity

EVERYBODY = 1 << 32
"""The bound below which every place is."""

_MASK = EVERYBODY - 1


def place(identity_hash: int, seed: int) -> int:
    """Where an identity stands in an order that looks random, 0 .. 2^32 - 1; others by other seeds.

    identity_hash: Kafka's murmur2, 32 bits. Its low bits choose the shard, so they are mixed first
    (the finalizer of MurmurHash3, which keeps different hashes different).

    >>> place(7, 0) == place(7, 0), place(7, 0) == place(7, 1), place(7, 0) == place(71, 0)
    (True, False, False)
    """
    x = (identity_hash ^ seed * 0x9E3779B1) & _MASK
    x = (x ^ x >> 16) * 0x85EBCA6B & _MASK
    x = (x ^ x >> 13) * 0xC2B2AE35 & _MASK
    return x ^ x >> 16


@dataclass(slots=True)
class Sample:
    """The people whose place is below a bound, and some by name.

    The bound may be lowered while a log is told: who stays was watched from the first record on.

    >>> Sample(below=EVERYBODY).has(Identity(b"crm:1"), 77), Sample().has(Identity(b"crm:1"), 77)
    (True, False)
    """

    seed: int = 0
    below: int = 0
    named: frozenset[Identity] = frozenset()

    def has(self, identity: Identity, identity_hash: int) -> bool:
        """Whether somebody is watched. identity_hash: murmur2."""
        return place(identity_hash, self.seed) < self.below or identity in self.named
