"""Fetches what is stored of people: all rows of all identities that belong together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from afflux.identity import Edges, component
from afflux.names import ATTRIBUTES, EVENTS, Identity
from afflux.shards import murmur2, shard_of
from profile_store.commands import Command
from profile_store.keys import Keys
from profile_store.link import Link
from profile_store.replies import checked
from profile_store.selection import Selection

Stitching = Literal["graph", "none"]


@dataclass(frozen=True, slots=True)
class MergePolicy:
    """How fragments become a profile.

    stitching: "graph" follows the links of the identity, "none" reads it alone. Attributes are
    timestamp-ordered: of two values of one name that of the later record counts.
    """

    stitching: Stitching = "graph"


@dataclass(frozen=True, slots=True)
class Stored:
    """What is stored of one identity; None where there is nothing, or nothing was asked for."""

    identity: Identity
    fragment: bytes | None
    edges: Edges
    served: bytes | None
    attributes: bytes | None
    interests: bytes | None = None
    memberships: bytes | None = None


_OF_SERVED = ("scores", "open_examples", "cluster", "engagement")
"""Fields that are read from the served row."""


async def fetch(
    link: Link,
    keys: Keys,
    starts: Sequence[Identity],
    selection: Selection,
    policy: MergePolicy,
) -> list[list[Stored]]:
    """For each start, what is stored of the identities of its profile, itself first.

    One round trip, and one more for each hop from identity to identity, for all together.
    """
    known: dict[Identity, Stored] = {}
    profiles = [[start] for start in starts]
    while True:
        missing = {i: None for profile in profiles for i in profile if i not in known}
        if not missing:
            return [[known[identity] for identity in profile] for profile in profiles]
        for stored in await _fetch_rows(link, keys, list(missing), selection):
            known[stored.identity] = stored
        if policy.stitching == "graph":
            profiles = [_reached(start, known) for start in starts]


def _reached(start: Identity, known: Mapping[Identity, Stored]) -> list[Identity]:
    return component(start, lambda i: known[i].edges if i in known else None)


async def _fetch_rows(
    link: Link, keys: Keys, identities: Sequence[Identity], selection: Selection
) -> list[Stored]:
    shards = shard_of(murmur2(identities), keys.shards).tolist()
    groups: dict[int, list[Identity]] = {}
    for identity, shard in zip(identities, shards, strict=True):
        groups.setdefault(shard, []).append(identity)
    served = any(map(selection.wants, _OF_SERVED))
    interests = selection.wants("affinities")
    audiences = selection.wants("audiences")
    commands = []
    for shard, ids in groups.items():
        mget: list[bytes | str | int] = ["MGET", *keys.fragments(shard, [(i, EVENTS) for i in ids])]
        mget += keys.edges(shard, ids)
        mget += keys.attributes(shard, [(i, ATTRIBUTES) for i in ids])
        mget += keys.served(shard, ids) if served else []
        mget += keys.interests(shard, ids) if interests else []
        mget += keys.memberships(shard, ids) if audiences else []
        commands.append(Command(keys.slot(shard), mget))
    replies = checked(await link.run(commands), link.name)
    stored = []
    for ids, values in zip(groups.values(), replies, strict=True):
        n = len(ids)
        f, e, a = values[:n], values[n : 2 * n], values[2 * n : 3 * n]
        parts = (served, interests, audiences)
        asked = iter([values[at : at + n] for at in range(3 * n, len(values), n)])
        none = [None] * n
        v, things, u = (next(asked) if wanted else none for wanted in parts)
        rows = zip(ids, f, e, v, a, things, u, strict=True)
        stored += [Stored(i, f, Edges.decode(e), s, t, k, m) for i, f, e, s, t, k, m in rows]
    return stored
