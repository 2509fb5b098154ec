"""Who is compared: some of the people of a store, chosen by their hash."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable, Sequence

from afflux.names import Identity
from afflux.oracle.sample import EVERYBODY, Sample, place
from afflux.shards import murmur2
from profile_store.audience_store import START, AudienceStore, Place

Chosen = dict[int, list[Identity]]
"""Identities by shard."""


async def choose(
    shelf: AudienceStore,
    shards: Sequence[int],
    most: int,
    seed: int,
    tell: Callable[[int], None] = lambda _: None,
) -> tuple[Chosen, Sample]:
    """At most so many people of these shards, 0: all; and the sample that they are, of the log too.

    They are those with the lowest places, so that the same seed chooses the same people. tell: is
    told how many were gone through. Raises StoreUnavailable.
    """
    lowest: list[tuple[int, int, Identity]] = []  # a heap, the highest place first
    known: set[Identity] = set()
    looked = 0
    at: Place | None = START
    while at is not None:
        at, found = await shelf.people(shards, at)
        hashes = murmur2([identity for _, identity in found]).tolist() if found else []
        for (shard, identity), hashed in zip(found, hashes, strict=True):
            entry = (-place(hashed, seed), shard, identity)
            if identity in known or (most and len(lowest) == most and entry <= lowest[0]):
                continue
            known.add(identity)
            heapq.heappush(lowest, entry)
            if most and len(lowest) > most:
                known.discard(heapq.heappop(lowest)[2])
        looked += len(found)
        tell(looked)
    full = most and len(lowest) == most
    below = 1 - lowest[0][0] if full else EVERYBODY
    chosen: Chosen = defaultdict(list)
    for _, shard, identity in sorted(lowest):
        chosen[shard].append(identity)
    return chosen, Sample(seed, below)


def by_name(identities: Sequence[Identity], shards: int) -> tuple[Chosen, Sample]:
    """These people, and nobody else."""
    chosen: Chosen = defaultdict(list)
    for identity, hashed in zip(identities, murmur2(identities).tolist(), strict=True):
        chosen[hashed % shards].append(identity)
    return chosen, Sample(named=frozenset(identities))
