"""What a held-up owner announced must not stand over what its successor said.

Announcements carry no fence, and a compacted topic keeps the last record of a key. An owner that
was held up between its commit and the acks (stopped, cut off, a slow broker) may have announced
after its successor. So whoever was slow reads the rows again and, where they are not what it said,
announces what the store holds now, until nothing has changed since.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from afflux.catalog import Catalog
from afflux.identity import Edges
from afflux.names import Identity
from afflux.position import Position
from profile_store.contract import RowRequest, ShardStore
from profile_store.errors import StoreUnavailable
from streams.backoff import Backoff
from streams.enrich.announce import Announcer, Owners
from streams.enrich.fetch import RowFetcher
from streams.enrich.outbox import Outbox
from streams.errors import BrokerUnavailable

SLOW_S = 1.0
"""From commit to acks. Nobody loses a partition as fast as that: the session lasts longer."""
_CLOSE_S = 3.0

Said = dict[Identity, bytes | None]
"""Served row and event id that were announced of each person, None for a retraction."""


@dataclass(frozen=True, slots=True)
class Stored:
    """Served rows of some people as they are in the store now."""

    owners: Owners
    gone: Sequence[Identity]
    """Those without a served row."""
    rows: Said


class LastWord:
    """Announces commits. now: a monotonic clock, seconds."""

    def __init__(
        self,
        store: ShardStore,
        catalog: Catalog,
        fetcher: RowFetcher,
        announcer: Announcer,
        now: Callable[[], float],
    ) -> None:
        self._store = store
        self._catalog = catalog
        self._fetcher = fetcher
        self._announcer = announcer
        self.now = now
        self._corrections: set[asyncio.Task[None]] = set()

    async def announce(
        self,
        outboxes: Mapping[int, Outbox],
        owners: Owners,
        began: float,
        relinked: Mapping[int, Sequence[Identity]] | None = None,
    ) -> None:
        """Announce what was committed; returns when it is acknowledged.

        outboxes: by shard. began: when the commit was sent. relinked: by shard, whose links a
        control record changed: they are announced as the store has them now.
        """
        if relinked:
            owners = _joined(owners, (await self.read(relinked)).owners)
        await self._announcer.announce(outboxes.values(), owners)
        if self.now() - began > SLOW_S:
            self.stand_by(outboxes, owners)

    def stand_by(self, outboxes: Mapping[int, Outbox], owners: Owners) -> None:
        """See to it that this announcement does not stand where it is outdated."""
        people = {s: [*box.owners, *box.retracted] for s, box in outboxes.items()}
        said: Said = {i: None for box in outboxes.values() for i in box.retracted}
        rows = self._catalog.encode_rows(owners.served)
        said |= {
            i: row + event_id.encode()
            for i, row, event_id in zip(owners.identities, rows, owners.event_ids, strict=True)
        }
        task = asyncio.create_task(self._correct(people, said))
        self._corrections.add(task)
        task.add_done_callback(self._corrections.discard)

    async def _correct(self, people: Mapping[int, Sequence[Identity]], said: Said) -> None:
        pause = Backoff(0.1, 5.0)
        while True:
            try:
                stored = await self.read(people)
                if stored.rows == said:
                    return
                await self._announcer.announce([Outbox(retracted=stored.gone)], stored.owners)
                said = stored.rows
            except (StoreUnavailable, BrokerUnavailable):
                await asyncio.sleep(pause.next())

    async def close(self) -> None:
        """Wait shortly for corrections."""
        if self._corrections:
            _, left = await asyncio.wait(self._corrections, timeout=_CLOSE_S)
            for task in left:
                task.cancel()

    async def read(self, people: Mapping[int, Sequence[Identity]]) -> Stored:
        """The rows of these people by shard. Raises StoreUnavailable."""
        requests = [RowRequest(s, served=ids, edges=ids) for s, ids in people.items() if ids]
        replies = await self._store.read(requests) if requests else []
        rows: Said = {}
        found: list[tuple[Identity, bytes, int, Edges]] = []
        for request, reply in zip(requests, replies, strict=True):
            rows.update(zip(request.served, reply.served, strict=True))
            version = Position.decode(reply.position).version if reply.position else 0
            found += [
                (identity, data, version, Edges.decode(edges))
                for identity, data, edges in zip(
                    request.served, reply.served, reply.edges, strict=True
                )
                if data is not None
            ]
        return Stored(
            await self._owners(found),
            [identity for identity, data in rows.items() if data is None],
            rows,
        )

    async def _owners(self, found: Sequence[tuple[Identity, bytes, int, Edges]]) -> Owners:
        identities = [identity for identity, _, _, _ in found]
        linked = {r: edges for r, (_, _, _, edges) in enumerate(found) if edges.live}
        members = await self._fetcher.members(identities, linked)
        served, tails = self._catalog.decode_served([data for _, data, _, _ in found])
        return Owners(
            identities,
            served,
            [tail.decode() for tail in tails],
            [version for _, _, version, _ in found],
            {identities[r]: people for r, people in members.items()},
        )


def _joined(one: Owners, other: Owners) -> Owners:
    return Owners(
        [*one.identities, *other.identities],
        np.concatenate([one.served, other.served]),
        [*one.event_ids, *other.event_ids],
        [*one.versions, *other.versions],
        {**one.members, **other.members},
    )
