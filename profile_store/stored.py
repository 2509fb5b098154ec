"""Fetches what is stored of people: all rows of all identities that belong together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from afflux.attributes import AttributesError, stored_facts
from afflux.identity import Edges, component
from afflux.merge_policy import MergePolicy, Ordering, Source
from afflux.names import ATTRIBUTES, EVENTS, Dataset, Identity
from afflux.shards import murmur2, shard_of
from profile_store.commands import Command
from profile_store.errors import StoreMisconfigured
from profile_store.keys import Keys
from profile_store.link import Link
from profile_store.replies import checked
from profile_store.selection import Selection

Records = Sequence[tuple[Dataset, bytes]]
"""Attributes of one identity by data set; only what there is."""


@dataclass(frozen=True, slots=True)
class Reading:
    """By which policy people are read, over which data sets."""

    policy: MergePolicy = field(default_factory=MergePolicy)
    ordering: Ordering = field(default_factory=Ordering)
    records: Sequence[Dataset] = (ATTRIBUTES,)
    """Data sets with attributes."""
    now: tuple[int, ...] = ()
    """Event time of each person where values grow too old; may be left out elsewhere."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What is stored of one identity; None where there is nothing, or nothing was asked for."""

    identity: Identity
    fragment: bytes | None
    edges: Edges
    served: bytes | None
    attributes: Records = ()
    interests: bytes | None = None
    memberships: bytes | None = None

    def sources(self) -> list[Source]:
        """What each data set knows. Raises StoreMisconfigured."""
        try:
            return [Source(self.identity, d, stored_facts(data)) for d, data in self.attributes]
        except AttributesError as error:
            raise StoreMisconfigured(f"{error}") from None


_OF_SERVED = ("scores", "open_examples", "cluster", "engagement")
"""Fields that are read from the served row."""


class LinksSeen:
    """Who was linked to whom when they were read last: what to read in the same round trip.

    It is never an answer: links are read each time, and whoever is not linked any more is left out.
    """

    def __init__(self, most: int = 1 << 16) -> None:
        self._most = most
        self._others: dict[Identity, list[Identity]] = {}

    def guess(self, start: Identity) -> list[Identity]:
        """An identity and those that were linked to it."""
        return self._others.get(start) or [start]

    def saw(self, profile: list[Identity]) -> None:
        """The identities that belong together, the one that was asked for first."""
        if len(profile) == 1:
            self._others.pop(profile[0], None)
            return
        self._others[profile[0]] = profile
        if len(self._others) > self._most:
            del self._others[next(iter(self._others))]

    def clear(self) -> None:
        """Name nobody any longer."""
        self._others.clear()


async def fetch(
    link: Link,
    keys: Keys,
    starts: Sequence[Identity],
    selection: Selection,
    reading: Reading,
    seen: LinksSeen | None = None,
) -> list[list[Stored]]:
    """For each start, what is stored of the identities of its profile, itself first.

    One round trip, and one more for each hop from identity to identity, for all together; none
    more where `seen` knows them already.
    """
    known: dict[Identity, Stored] = {}
    graph = reading.policy.stitching == "graph"
    profiles = [seen.guess(start) if seen and graph else [start] for start in starts]
    while True:
        missing = {i: None for profile in profiles for i in profile if i not in known}
        if not missing:
            if seen and graph:
                for profile in profiles:
                    seen.saw(profile)
            return [[known[identity] for identity in profile] for profile in profiles]
        for stored in await _fetch_rows(link, keys, list(missing), selection, reading.records):
            known[stored.identity] = stored
        if graph:
            profiles = [_reached(start, known) for start in starts]


def _reached(start: Identity, known: Mapping[Identity, Stored]) -> list[Identity]:
    return component(start, lambda i: known[i].edges if i in known else None)


async def _fetch_rows(
    link: Link,
    keys: Keys,
    identities: Sequence[Identity],
    selection: Selection,
    datasets: Sequence[Dataset],
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
        for dataset in datasets:
            mget += keys.attributes(shard, [(i, dataset) for i in ids])
        mget += keys.served(shard, ids) if served else []
        mget += keys.interests(shard, ids) if interests else []
        mget += keys.memberships(shard, ids) if audiences else []
        commands.append(Command(keys.slot(shard), mget))
    replies = checked(await link.run(commands), link.name)
    stored = []
    for ids, values in zip(groups.values(), replies, strict=True):
        n = len(ids)
        f, e = values[:n], values[n : 2 * n]
        rest = (2 + len(datasets)) * n
        a = _by_identity(values[2 * n : rest], datasets, n)
        parts = (served, interests, audiences)
        asked = iter([values[at : at + n] for at in range(rest, len(values), n)])
        none = [None] * n
        v, things, u = (next(asked) if wanted else none for wanted in parts)
        rows = zip(ids, f, e, v, a, things, u, strict=True)
        stored += [Stored(i, f, Edges.decode(e), s, t, k, m) for i, f, e, s, t, k, m in rows]
    return stored


def _by_identity(
    values: Sequence[bytes | None], datasets: Sequence[Dataset], n: int
) -> list[Records]:
    """Values data set by data set to those that there are of each of n identities."""
    if len(datasets) == 1:
        (only,) = datasets
        return [((only, data),) if data else () for data in values]
    return [
        [(d, data) for d, data in zip(datasets, values[i::n], strict=True) if data]
        for i in range(n)
    ]
