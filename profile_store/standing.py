"""Where shards stand: how far they have folded, and whether they still have to announce it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from profile_store.commands import Command
from profile_store.keys import Keys
from profile_store.link import Link
from profile_store.replies import checked


@dataclass(frozen=True, slots=True)
class Standing:
    """One shard. position: `Position.encode()`, b"" before the first commit; outbox: as stored."""

    position: bytes
    outbox: bytes


async def standings(link: Link, keys: Keys, shards: Sequence[int]) -> list[Standing]:
    """Of each shard, in one round trip. Raises StoreError."""
    commands = [
        Command(keys.slot(shard), ("MGET", keys.position(shard), keys.outbox(shard)))
        for shard in shards
    ]
    replies = checked(await link.run(commands), link.name) if commands else []
    return [Standing(position or b"", outbox or b"") for position, outbox in replies]
