"""Where a person is named beside rows of their own: sorted sets, what is to be announced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from afflux.names import Identity
from afflux.shards import murmur2, shard_of
from profile_store.commands import Command
from profile_store.keys import Keys
from profile_store.link import Link
from profile_store.replies import checked


@dataclass(frozen=True, slots=True)
class Places:
    """Of one identity."""

    next_look: int | None
    """Event time at which a timer looks at it, ms; None: never."""
    listed_in: tuple[str, ...]
    """Audiences whose members name it."""
    announced: bool
    """Whether the outbox of its shard names it: for some seconds after a commit."""


async def places(
    link: Link, keys: Keys, identities: Sequence[Identity], audiences: Sequence[str]
) -> list[Places]:
    """Of each identity, in one round trip. audiences: those that there may be members of."""
    shards = shard_of(murmur2(identities), keys.shards).tolist() if identities else []
    commands = [
        command
        for identity, shard in zip(identities, shards, strict=True)
        for command in (
            Command(keys.slot(shard), ("GET", keys.outbox(shard))),
            Command(keys.slot(shard), ("ZSCORE", keys.deadlines(shard), identity)),
            *(
                Command(keys.slot(shard), ("ZSCORE", keys.members(shard, name), identity))
                for name in audiences
            ),
        )
    ]
    replies = checked(await link.run(commands), link.name) if commands else []
    width = 2 + len(audiences)
    found = []
    for n, identity in enumerate(identities):
        outbox, deadline, *members = replies[n * width : (n + 1) * width]
        listed = (name for name, at in zip(audiences, members, strict=True) if at is not None)
        look = None if deadline is None else int(float(deadline))
        found.append(Places(look, tuple(listed), identity in (outbox or b"")))
    return found
