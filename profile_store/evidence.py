"""What is stored of some people of a shard, and the position that it belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from afflux.names import EVENTS, Identity
from afflux.position import FENCE
from profile_store.commands import Command
from profile_store.errors import StoreUnavailable
from profile_store.keys import Keys
from profile_store.link import Link
from profile_store.replies import checked

_TRIES = 50


@dataclass(frozen=True, slots=True)
class Evidence:
    """Values as they are stored, b"" where there is nothing; deadline 0: none."""

    identity: Identity
    fragment: bytes
    edges: bytes
    interests: bytes
    deadline: int


async def read_evidence(
    link: Link, keys: Keys, shard: int, identities: Sequence[Identity]
) -> tuple[bytes, list[Evidence]]:
    """The stored position of a shard (b"" if none), and what is stored of these people at it.

    Raises StoreUnavailable, also where the shard is written so fast that no moment can be read.
    """
    mget: list[bytes | str | int] = ["MGET"]
    mget += [keys.position(shard), *keys.fragments(shard, [(i, EVENTS) for i in identities])]
    mget += [*keys.edges(shard, identities), *keys.interests(shard, identities)]
    slot, due = keys.slot(shard), keys.deadlines(shard)
    commands = [
        Command(slot, mget),
        *(Command(slot, ("ZSCORE", due, identity)) for identity in identities),
        Command(slot, ("GET", keys.position(shard))),
    ]
    for _ in range(_TRIES):
        (position, *values), *scores, after = checked(await link.run(commands), link.name)
        # The deadlines came behind the rows: nothing may have been committed in between.
        if (position or b"")[:FENCE] == (after or b"")[:FENCE]:
            n = len(identities)
            f, e, i = values[:n], values[n : 2 * n], values[2 * n :]
            rows = zip(identities, f, e, i, scores, strict=True)
            return position or b"", [
                Evidence(who, f or b"", e or b"", i or b"", int(float(score or 0)))
                for who, f, e, i, score in rows
            ]
    raise StoreUnavailable(f"shard {shard} is written to while it is read, {_TRIES} times")
