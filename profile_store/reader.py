"""Reading profiles in an event loop; `profile_store.blocking` has the same without one.

Readers need nothing but Redis: shards, models and row layouts are described there. They may have
a user without rights to write.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any

from afflux.audiences.profile_columns import ProfileColumns
from afflux.audiences.standing import Layouts
from afflux.catalog import Catalog
from afflux.limits import DAY_MS
from afflux.merge_policy import MergePolicy
from afflux.names import Identity
from profile_store.audience_definitions import Definitions
from profile_store.audience_store import AudienceStore
from profile_store.commands import Command
from profile_store.dataset_definitions import Datasets
from profile_store.dataset_store import DatasetShelf, RecentDatasets
from profile_store.errors import StoreMisconfigured, UnknownLayout
from profile_store.event_time import event_times
from profile_store.found import Found, Known
from profile_store.fresh import Fresh, FreshSource, Scoring
from profile_store.identity_map import explain, read_edges
from profile_store.installation import Installation
from profile_store.keys import (
    AUDIENCES,
    AUDIENCES_SLOT,
    INSTALLATION,
    INSTALLATION_SLOT,
    Keys,
)
from profile_store.link import Link, connect
from profile_store.membership_reading import unknown
from profile_store.options import DEFAULT_URL, RedisOptions, as_options
from profile_store.people import frames
from profile_store.places import Places, places
from profile_store.profile import Profile
from profile_store.recommendations import (
    Recommendations,
    RecommendationSource,
    Recommending,
)
from profile_store.replies import checked
from profile_store.selection import Selection
from profile_store.similar import MOST, By, Sample, Similar, answer, nearest, people_of
from profile_store.snapshots import current_snapshots
from profile_store.standing import Standing, standings
from profile_store.stored import LinksSeen, fetch
from profile_store.timelines import TimelinePage, entries, question, turned
from profile_store.tombstones import deleted_at
from profile_store.volumes import DailyVolumes, daily_volumes

_COMPARED = ("affinities", "cluster")
_NAMESPACE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")


class AsyncProfileStore:
    """Reads profiles; connects at first use, and again after a lost connection.

    where: a redis:// or rediss:// URL, or options (TLS, users, cluster, time limit). link: used
    instead of a connection of its own. scoring: what fresh scores are made with, such as
    `models.scoring.scorer_of`. recommending: what lists are made with, such as
    `models.recommending.RECOMMENDING`. Methods raise
    StoreUnavailable when Redis is away, StoreMisconfigured when nothing was ever set up there,
    UnknownLayout for rows that cannot be read.
    """

    def __init__(
        self,
        where: RedisOptions | str = DEFAULT_URL,
        link: Link | None = None,
        scoring: Scoring | None = None,
        recommending: Recommending | None = None,
    ) -> None:
        self._link = link or connect(as_options(where))
        self._recommendations = (
            None if recommending is None else RecommendationSource(self._link, recommending)
        )
        self._fresh = None if scoring is None else FreshSource(self._link, scoring)
        self._known: tuple[Installation, Keys, Catalog] | None = None
        self._audiences: Layouts = {}
        self._sample = Sample(self._link)
        self._links = LinksSeen()
        self._declared = RecentDatasets(DatasetShelf(self._link))

    async def get(
        self,
        namespace: str,
        id: str,
        fields: Iterable[str] | None = None,
        policy: MergePolicy | str | None = None,
        at: int | None = None,
        fresh: bool = False,
    ) -> Profile | None:
        """The profile of a person by any of their identities; None if nothing is known.

        fields: dotted names of what is wanted, such as "scores.churn" or "attributes"; None: all.
        policy: how what is stored is merged, itself or by its name; None: the default policy of the
        installation. at: time of the features, ms since the epoch;
        None: of the last event. fresh: scores are made anew by the newest snapshots, for `at`, or
        for where event time stands in the person's partition (never the clock: a paused replay of
        an old year stays there). Nobody gets scores who has none. Raises ValueError for what
        cannot be an identity or a field, and for `fresh` in a store without a `scoring`.
        """
        return (await self.get_many([(namespace, id)], fields, policy, at, fresh))[0]

    async def get_many(
        self,
        people: Sequence[tuple[str, str]],
        fields: Iterable[str] | None = None,
        policy: MergePolicy | str | None = None,
        at: int | None = None,
        fresh: bool = False,
    ) -> list[Profile | None]:
        """Profiles of many (namespace, id), in their order, in as few round trips as one."""
        return await (await self.find(people, fields, policy, at, fresh)).profiles()

    async def find(
        self,
        people: Sequence[tuple[str, str]],
        fields: Iterable[str] | None = None,
        policy: MergePolicy | str | None = None,
        at: int | None = None,
        fresh: bool = False,
    ) -> Found:
        """The same in two steps: what was found has marks, by which a reader sees what changed."""
        selection = Selection.of(fields)
        starts = [identity_of(namespace, id) for namespace, id in people]
        installation, keys, catalog = self._known or await self._learn()
        anew = None
        if fresh and starts and (selection.wants("scores") or selection.wants("features")):
            anew = await self._fresh_source().of(keys, catalog, starts, at)
        reading = await self._declared.reading(policy)
        if reading.ordering.ttl_ms:
            reading = replace(reading, now=await self._moments(keys, starts, at, anew))
        stored = []
        if starts:
            stored = await fetch(self._link, keys, starts, selection, reading, self._links)
        if unknown(stored, self._audiences):
            self._audiences = (await self.definitions()).layouts
        known = installation, catalog
        return Found(
            stored, known, selection, at, self._learn_layouts, self._audiences, anew, reading
        )

    async def _moments(
        self, keys: Keys, starts: Sequence[Identity], at: int | None, anew: Fresh | None
    ) -> tuple[int, ...]:
        """Event time by which values are too old: as asked for, or where it stands."""
        if anew is not None:
            return anew.now
        if at is not None:
            return (at,) * len(starts)
        return await event_times(self._link, keys, starts) if starts else ()

    async def timeline(
        self,
        namespace: str,
        id: str,
        since: int | None = None,
        until: int | None = None,
        types: Iterable[str] | None = None,
        limit: int = 100,
        cursor: str | None = None,
        newest_first: bool = False,
    ) -> TimelinePage | None:
        """The last events of a person, of all identities, by event time; None: nobody knows them.

        So many as workers keep. since, until: ms, from and before. types: such as
        "commerce.purchases"; None: all. limit: 1 to 1,000. cursor: `next` of the page before.
        Raises ValueError for what does not fit, CursorError among it.
        """
        asked = question(since, until, types, limit, cursor, newest_first)
        (profile,) = await self.get_many([(namespace, id)], ["identities"])
        if profile is None:
            return None
        return turned(profile.profile_id, await self.timelines(profile.identities), asked)

    async def timelines(
        self, identities: Sequence[Identity]
    ) -> list[tuple[Identity, Sequence[bytes]]]:
        """What is stored of the timeline of each, see `afflux/timeline/storage.py`."""
        _, keys, _ = self._known or await self._learn()
        return await entries(self._link, keys, identities)

    async def similar(
        self,
        namespace: str,
        id: str,
        limit: int = 10,
        by: By | None = None,
        visible: Callable[[Identity], bool] = lambda identity: True,
    ) -> Similar | None:
        """Who is most like a person, among a sample of 2,000 identities; None: nobody knows them.

        by: "interests", or "cluster": people of the same cluster by their habits; None: by
        interests where there are any. limit: 1 to 100. visible: identities that may be named.
        Whoever was deleted or may not be scored is never named, nor compared. Raises ValueError.
        """
        if not 1 <= limit <= MOST:
            raise ValueError(f"1 to {MOST} people may be asked for, not {limit}")
        try:
            return await self._similar((namespace, id), limit, by, visible)
        except UnknownLayout:  # of a worker that is newer than what we know
            await self._learn()
            return await self._similar((namespace, id), limit, by, visible)

    async def _similar(
        self, who: tuple[str, str], limit: int, by: By | None, visible: Callable[[Identity], bool]
    ) -> Similar | None:
        found = await self.find([who], _COMPARED)
        (profile,) = await found.profiles()
        if profile is None:
            return None
        if by is None:
            by = "interests" if any(profile.affinities.values()) else "cluster"
        installation, keys, catalog = self._known or await self._learn()
        one = people_of(found.people, installation, catalog)
        if not one.names:  # they may not be scored, or have no events
            return Similar(by, 0, profile.cluster, profile.opted_out is not None)
        sample = await self._sample.people(installation, keys, catalog)
        near = nearest(sample, one, by, limit, visible)
        again = await self.find(list(map(_parts, near)), _COMPARED)
        profiles = await again.profiles()
        compared = people_of(again.people, installation, catalog)
        return answer(one, sample, compared, [profile, *profiles], by, limit, visible)

    def _fresh_source(self) -> FreshSource:
        if self._fresh is None:
            raise ValueError(
                "fresh scores need a scorer: make the store with scoring=models.scoring.scorer_of"
            )
        return self._fresh

    async def recommend(
        self, namespace: str, id: str, count: int = 10, at: int | None = None
    ) -> Recommendations:
        """What a person may want next, ranked now by the newest snapshots.

        Whoever is not known, or may not be scored, gets what is popular. at: ms since the epoch;
        None: where event time stands in their partition. Raises ValueError for what cannot be an
        identity, and in a store without a `recommending`.
        """
        if self._recommendations is None:
            raise ValueError(
                "recommendations need a recommender: make the store with "
                "recommending=models.recommending.RECOMMENDING"
            )
        start = identity_of(namespace, id)
        installation, keys, catalog = self._known or await self._learn()
        return await self._recommendations.of(keys, (installation, catalog), start, count, at)

    async def definitions(self) -> Definitions:
        """The audiences that are defined now."""
        (data,) = checked(
            await self._link.run([Command(AUDIENCES_SLOT, ("GET", AUDIENCES))]), self._link.name
        )
        return Definitions.decode(data or b"")

    async def datasets(self) -> Datasets:
        """The data sets that are declared now."""
        return await DatasetShelf(self._link).current()

    async def audience_store(self) -> AudienceStore:
        """Members of audiences, and their definitions, over the same connection."""
        _, keys, _ = self._known or await self._learn()
        return AudienceStore(self._link, keys)

    async def snapshots(self, models: Sequence[str]) -> list[bytes | None]:
        """The current snapshot of each model, None where nothing was learned yet."""
        return await current_snapshots(self._link, models)

    async def volumes(self, late_ms: int = DAY_MS) -> DailyVolumes:
        """Events and money a day. late_ms: how long after its end a day is open."""
        installation, keys, _ = self._known or await self._learn()
        return await daily_volumes(self._link, keys, installation.partitions, late_ms)

    async def installation(self) -> Installation:
        """What the store says of itself now: shards, models, layouts."""
        return (await self._learn())[0]

    async def identities(self, namespace: str, id: str) -> dict[str, Any]:
        """A person's identities and links, explained: see `identity_map.explain`."""
        start = identity_of(namespace, id)
        _, keys, _ = self._known or await self._learn()
        return explain(start, await read_edges(self._link, keys, start))

    async def standings(self, shards: Sequence[int]) -> list[Standing]:
        """How far workers are with each shard."""
        _, keys, _ = self._known or await self._learn()
        return await standings(self._link, keys, shards)

    async def deleted_at(self, identities: Sequence[Identity]) -> list[int]:
        """Event time of the delete of each, 0 for those who were not deleted."""
        _, keys, _ = self._known or await self._learn()
        return await deleted_at(self._link, keys, identities)

    async def places(self, identities: Sequence[Identity]) -> list[Places]:
        """Where each is named beside its own rows."""
        _, keys, _ = self._known or await self._learn()
        found = await self.definitions()
        names = sorted({*found.audiences, *(n for names in found.layouts.values() for n in names)})
        return await places(self._link, keys, identities, names)

    async def frames(self, most: int) -> AsyncIterator[tuple[Sequence[Identity], ProfileColumns]]:
        """People as rules of audiences are asked of them, some at a time; at most so many."""
        installation, keys, catalog = self._known or await self._learn()
        async for frame in frames(self._link, keys, installation, catalog, most):
            yield frame

    def forget(self) -> None:
        """Keep no name of anybody in memory: somebody was deleted."""
        self._links.clear()
        self._sample.forget()

    async def catalog(self) -> Catalog:
        """Features and models of the rows that workers write now."""
        return (await self._learn())[2]

    async def close(self) -> None:
        """Drop the connections."""
        await self._link.close()

    async def __aenter__(self) -> AsyncProfileStore:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _learn_layouts(self) -> Known:
        installation, _, catalog = await self._learn()
        return installation, catalog

    async def _learn(self) -> tuple[Installation, Keys, Catalog]:
        command = Command(INSTALLATION_SLOT, ("GET", INSTALLATION))
        (data,) = checked(await self._link.run([command]), self._link.name)
        if not data:
            raise StoreMisconfigured(
                f"Redis at {self._link.name} holds no profiles: no worker has run on it yet"
            )
        installation = Installation.decode(data)
        catalog = Catalog(installation.layout(installation.current).models)
        self._known = installation, Keys(installation.shards), catalog
        return self._known


def _parts(identity: Identity) -> tuple[str, str]:
    namespace, _, id = identity.decode().partition(":")
    return namespace, id


def identity_of(namespace: str, id: str) -> Identity:
    """The identity of a namespace and an id. Raises ValueError for what cannot be one."""
    if not _NAMESPACE.fullmatch(namespace):
        raise ValueError(f"{namespace!r} is no namespace: letters, digits and _.- after a letter")
    name = id.encode()
    if not 1 <= len(name) <= 512:
        raise ValueError(f"an id has 1 to 512 bytes, this one {len(name)}")
    return Identity(namespace.encode() + b":" + name)
