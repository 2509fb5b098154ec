"""Who is like a person, among a bounded sample of everybody.

The sample is the first people that a scan of the keys meets: in the order of the server's hash
table, so neither the newest nor the most active. It is kept for a minute, so that many questions
read it once. Nobody is named by it: whoever is among the nearest is read again before the answer
is made, and is left out where they were deleted, may not be scored, or have left the cluster.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Literal

import numpy as np

from afflux.catalog import Catalog
from afflux.clusters import HABITS, NO_CLUSTER, named_columns, nearness
from afflux.columns import F64, I64
from afflux.consent import last_word
from afflux.identity import profile_id_of
from afflux.interests.likeness import Tastes, tastes
from afflux.names import Identity, ProfileId
from afflux.rows import RowError
from profile_store.assemble import merged_rows
from profile_store.audience_store import START, AudienceStore, Place
from profile_store.errors import StoreMisconfigured
from profile_store.installation import Installation
from profile_store.keys import Keys
from profile_store.link import Link
from profile_store.profile import Profile
from profile_store.selection import Selection
from profile_store.served import cluster
from profile_store.stored import Reading, Stored, fetch

By = Literal["interests", "cluster"]

PEOPLE = 2_000
"""Identities of the sample."""
LOOKS = 100
"""Steps of the scan at most, each over about a thousand keys: many keys may be of nobody."""
KEPT_S = 60.0
MOST = 100
"""People that one question may ask for."""
_SPARE = 3
"""So many times more are read again than were asked for: some may be gone meanwhile."""
_IN_COMMON = 5

FIELDS = Selection.of(["affinities", "cluster"])


@dataclass(frozen=True, slots=True)
class Alike:
    """Somebody who is like the person."""

    profile_id: ProfileId
    identities: tuple[Identity, ...]
    similarity: float
    """0 to 1. By interests: mean cosine, by kind. By cluster: 1 / (1 + distance of habits)."""
    cluster: int | None
    in_common: tuple[str, ...]
    """Names of things that both are most interested in, the strongest first."""


@dataclass(frozen=True, slots=True)
class Similar:
    """Those who are most alike, the most similar first. Not of everybody: of `sample` people.

    by: what was compared. cluster: of the person. opted_out: the person may not be profiled, and
    so is compared with nobody.
    """

    by: By
    sample: int
    cluster: int | None
    opted_out: bool
    people: tuple[Alike, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, identities as text."""
        return {
            "by": self.by,
            "sample": self.sample,
            "cluster": self.cluster,
            "opted_out": self.opted_out,
            "people": [
                {
                    "profile_id": one.profile_id,
                    "identities": [i.decode("utf-8", "backslashreplace") for i in one.identities],
                    "similarity": round(one.similarity, 4),
                    "cluster": one.cluster,
                    "in_common": list(one.in_common),
                }
                for one in self.people
            ],
        }


@dataclass(frozen=True, slots=True)
class People:
    """Some people as they are compared; without those who may not be."""

    names: Sequence[tuple[Identity, ...]]
    cluster: I64
    habits: F64
    tastes: Tastes

    def like(self, one: People, by: By) -> F64:
        """(n,) similarity to the single person of `one`; 0 of those who are not compared."""
        if by == "interests":
            return self.tastes.like(one.tastes)
        same = (self.cluster == one.cluster[0]) & (self.cluster != NO_CLUSTER)
        return np.where(same, nearness(self.habits, one.habits[0]), 0.0)


def people_of(
    stored: Sequence[Sequence[Stored]], installation: Installation, catalog: Catalog
) -> People:
    """Of stored rows, each person once. Raises StoreMisconfigured, UnknownLayout."""
    rows, words = merged_rows(stored, installation, catalog)
    last = rows["last_ts"]
    seen: dict[Identity, int] = {}
    for p, person in enumerate(stored):
        if last[p] and last_word(words[p]) <= 0:
            seen.setdefault(min(one.identity for one in person), p)
    kept = sorted(seen.values())
    rows, some = rows[kept], [stored[p] for p in kept]
    matrix = catalog.matrix(rows, rows["last_ts"])
    try:
        liked = tastes([[o.interests for o in person if o.interests] for person in some])
    except RowError as error:
        raise StoreMisconfigured(f"stored interests are damaged: {error}") from None
    return People(
        [tuple(one.identity for one in person) for person in some],
        np.array([cluster(person, installation) or NO_CLUSTER for person in some], np.int64),
        matrix[:, named_columns(catalog.features, HABITS)].astype(np.float64),
        liked,
    )


class Sample:
    """The people whom others are compared with. clock: seconds, any steady one."""

    def __init__(self, link: Link, clock: Callable[[], float] = monotonic) -> None:
        self._link, self._clock = link, clock
        self._turn = asyncio.Lock()
        self._read: tuple[float, int, People] | None = None

    async def people(self, installation: Installation, keys: Keys, catalog: Catalog) -> People:
        """As they were at most a minute ago."""
        async with self._turn:
            now, known = self._clock(), self._read
            fits = known is not None and known[1] == catalog.layout
            if known is None or not fits or now - known[0] >= KEPT_S:
                found = await self._scan(installation, keys, catalog)
                self._read = known = now, catalog.layout, found
            return known[2]

    def forget(self) -> None:
        """Read it anew for the next question."""
        self._read = None

    async def _scan(self, installation: Installation, keys: Keys, catalog: Catalog) -> People:
        shelf = AudienceStore(self._link, keys)
        shards = list(range(keys.shards))
        place: Place | None = START
        names: dict[Identity, None] = {}
        for _ in range(LOOKS):
            if place is None or len(names) >= PEOPLE:
                break
            place, found = await shelf.people(shards, place)
            names.update(dict.fromkeys(identity for _, identity in found))
        stored: list[list[Stored]] = []
        starts = list(names)[:PEOPLE]
        for at in range(0, len(starts), _AT_ONCE):
            some = starts[at : at + _AT_ONCE]
            stored += await fetch(self._link, keys, some, FIELDS, Reading())
        return people_of(stored, installation, catalog)


_AT_ONCE = 500


def nearest(
    sample: People, one: People, by: By, limit: int, visible: Callable[[Identity], bool]
) -> list[Identity]:
    """An identity of each who is nearest, the nearest first, some more than the limit."""
    likeness = sample.like(one, by)
    mine = set(one.names[0])
    found: list[Identity] = []
    for p in np.argsort(-likeness, kind="stable").tolist():
        if likeness[p] <= 0 or len(found) == limit * _SPARE:
            break
        names = sample.names[p]
        if mine.isdisjoint(names) and any(map(visible, names)):
            found.append(names[0])
    return found


def answer(
    one: People,
    sample: People,
    again: People,
    profiles: Sequence[Profile | None],
    by: By,
    limit: int,
    visible: Callable[[Identity], bool],
) -> Similar:
    """From people who were read again; profiles: the person's own, then others'."""
    me, *others = profiles
    by_name = {profile.identities[0]: profile for profile in others if profile is not None}
    likeness = _as_in(sample, again).like(one, by)[len(sample.names) :]
    people: list[Alike] = []
    for p in np.argsort(-likeness, kind="stable").tolist():
        profile = by_name.get(again.names[p][0])
        shown = tuple(sorted(i for i in again.names[p] if visible(i)))
        if profile is None or likeness[p] <= 0 or not shown or len(people) == limit:
            continue
        if profile.opted_out is None and set(shown).isdisjoint(one.names[0]):
            people.append(
                Alike(
                    profile_id_of(again.names[p]), shown, float(min(likeness[p], 1.0)),
                    profile.cluster, _in_common(me, profile),
                )
            )  # fmt: skip
    mine = int(one.cluster[0])
    return Similar(
        by, len(sample.names), None if mine == NO_CLUSTER else mine, False, tuple(people)
    )


def _as_in(sample: People, again: People) -> People:
    """Both together: habits are told apart by the spread of the whole sample."""
    a, b = sample.tastes, again.tastes
    return People(
        [*sample.names, *again.names],
        np.concatenate([sample.cluster, again.cluster]),
        np.concatenate([sample.habits, again.habits]),
        Tastes(
            a.n + b.n,
            np.concatenate([a.person, b.person + a.n]),
            np.concatenate([a.things, b.things]),
            np.concatenate([a.weight, b.weight]),
            np.concatenate([a.kinds, b.kinds]),
        ),
    )


def _in_common(me: Profile | None, other: Profile) -> tuple[str, ...]:
    """Names of what both like, by the smaller of the two shares."""
    if me is None:
        return ()
    found: dict[str, float] = {}
    for kind, mine in me.affinities.items():
        theirs = {thing.id: thing.share for thing in other.affinities.get(kind, ())}
        for thing in mine:
            if thing.id in theirs:
                share = min(thing.share, theirs[thing.id])
                found[thing.name] = max(found.get(thing.name, 0.0), share)
    return tuple(sorted(found, key=lambda name: (-found[name], name))[:_IN_COMMON])
