"""What a held-up owner announced must not stand over what its successor said.

Announcements carry no fence, and a compacted topic keeps the last record of a key. An owner that
was held up between its commit and the acks (stopped, cut off, a slow broker) may have announced
after its successor. So whoever was slow reads the rows again and, where somebody else has written
meanwhile, announces what the store holds now, until nothing has changed since.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from afflux.catalog import Catalog
from afflux.identity import Edges
from afflux.names import Identity
from afflux.position import FENCE, Position
from profile_store.contract import RowRequest, ShardStore
from streams.enrich.announce import Announcer, Owners
from streams.enrich.fetch import RowFetcher
from streams.enrich.outbox import Outbox

SLOW_S = 1.0
"""From commit to acks. Nobody loses a partition as fast as that: the session lasts longer."""
_NONCE = slice(8, FENCE)


@dataclass(frozen=True, slots=True)
class Stored:
    """Served rows of some people as they are in the store now."""

    owners: Owners
    gone: Sequence[Identity]
    """Those without a served row."""
    rows: Sequence[tuple[Identity, bytes | None]]
    nonces: frozenset[bytes]
    """Who wrote their shards last."""


class LastWord:
    """Announces commits. nonce: of this owner; now: a monotonic clock, seconds."""

    def __init__(
        self,
        store: ShardStore,
        catalog: Catalog,
        fetcher: RowFetcher,
        announcer: Announcer,
        nonce: bytes,
        now: Callable[[], float],
    ) -> None:
        self._store = store
        self._catalog = catalog
        self._fetcher = fetcher
        self._announcer = announcer
        self._nonce = nonce
        self.now = now

    async def announce(self, outboxes: Mapping[int, Outbox], owners: Owners, began: float) -> None:
        """Announce what was committed; returns when it is acknowledged, and ours to say.

        outboxes: by shard. began: when the commit was sent. Raises StoreUnavailable.
        """
        await self._announcer.announce(outboxes.values(), owners)
        if self.now() - began > SLOW_S:
            await self.stand_by(outboxes)

    async def read(self, people: Mapping[int, Sequence[Identity]]) -> Stored:
        """The rows of these people by shard. Raises StoreUnavailable."""
        requests = [RowRequest(s, served=ids, edges=ids) for s, ids in people.items() if ids]
        replies = await self._store.read(requests) if requests else []
        rows: list[tuple[Identity, bytes | None]] = []
        found: list[tuple[Identity, bytes, int, Edges]] = []
        for request, reply in zip(requests, replies, strict=True):
            rows += zip(request.served, reply.served, strict=True)
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
            [identity for identity, data in rows if data is None],
            rows,
            frozenset(reply.position[_NONCE] for reply in replies),
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

    async def stand_by(self, outboxes: Mapping[int, Outbox]) -> None:
        """Announce these people until what was said last is what the store holds."""
        people = {s: [*box.owners, *box.retracted] for s, box in outboxes.items()}
        said: Sequence[tuple[Identity, bytes | None]] = ()
        while True:
            stored = await self.read(people)
            if stored.nonces <= {self._nonce} or stored.rows == said:
                return
            await self._announcer.announce([Outbox(retracted=stored.gone)], stored.owners)
            said = stored.rows
