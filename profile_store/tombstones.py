"""Tombstones: who was deleted, and when."""

from __future__ import annotations

from collections.abc import Sequence

from afflux.names import EVENTS, Identity
from afflux.rows import deleted_at_of
from afflux.shards import murmur2, shard_of
from profile_store.commands import Command
from profile_store.keys import Keys
from profile_store.link import Link
from profile_store.replies import checked


async def deleted_at(link: Link, keys: Keys, identities: Sequence[Identity]) -> list[int]:
    """Event time of the delete of each, 0 for those who were not; one round trip."""
    if not identities:
        return []
    groups: dict[int, list[int]] = {}
    for i, shard in enumerate(shard_of(murmur2(identities), keys.shards).tolist()):
        groups.setdefault(shard, []).append(i)
    commands = [
        Command(
            keys.slot(shard),
            ["MGET", *keys.fragments(shard, [(identities[i], EVENTS) for i in at])],
        )
        for shard, at in groups.items()
    ]
    found = [0] * len(identities)
    replies = checked(await link.run(commands), link.name)
    for at, values in zip(groups.values(), replies, strict=True):
        for i, value in zip(at, values, strict=True):
            found[i] = deleted_at_of(value)
    return found
