"""What a held-up owner said of memberships must not stand over what its successor said.

As `last_word.py` for scores: whoever was slow reads the rows again and, where they are not what it
announced, announces what the store holds now, until nothing has changed since.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from afflux.audiences import standing
from afflux.audiences.standing import StandingError
from afflux.identity import Edges
from afflux.names import Identity
from afflux.position import Position
from profile_store.contract import RowRequest, ShardStore
from profile_store.errors import StoreUnavailable
from streams.audience_encoding import Announced, encode_audience_updates
from streams.backoff import Backoff
from streams.enrich.announce import Announcer
from streams.enrich.audiences import RuleSource
from streams.enrich.fetch import RowFetcher
from streams.enrich.outbox import Outbox
from streams.errors import BrokerUnavailable
from streams.updates import decode

Said = dict[Identity, dict[str, int] | None]
"""Audience -> time of the entry, None for a tombstone."""


class AudienceLastWord:
    """Corrects announcements of memberships."""

    def __init__(
        self, store: ShardStore, fetcher: RowFetcher, announcer: Announcer, rules: RuleSource
    ) -> None:
        self._store = store
        self._fetcher = fetcher
        self._announcer = announcer
        self._rules = rules

    async def correct(self, outboxes: Mapping[int, Outbox]) -> None:
        """Returns when what these outboxes announced is not outdated any more."""
        people = {
            s: list(dict.fromkeys(i for i, _ in box.audiences))
            for s, box in outboxes.items()
            if box.audiences
        }
        said = {i: _told(value) for box in outboxes.values() for i, value in box.audiences}
        pause = Backoff(0.1, 5.0)
        while people:
            try:
                stored, updates = await self._read(people)
                if stored == said:
                    return
                await self._announcer.announce([Outbox(audiences=updates)], self._announcer.nobody)
                said = stored
            except (StoreUnavailable, BrokerUnavailable):
                await asyncio.sleep(pause.next())
            except StandingError:  # of rules that this worker has not adopted yet
                await asyncio.sleep(pause.next())
                await self._rules.refresh()

    async def _read(
        self, people: Mapping[int, Sequence[Identity]]
    ) -> tuple[Said, list[tuple[Identity, bytes]]]:
        """What the store holds, and as announcements."""
        requests = [RowRequest(s, edges=ids, memberships=ids) for s, ids in people.items()]
        said: Said = {}
        updates: list[tuple[Identity, bytes]] = []
        for request, reply in zip(requests, await self._store.read(requests), strict=True):
            edges = {r: e for r, e in enumerate(map(Edges.decode, reply.edges)) if e.live}
            members = await self._fetcher.members(request.memberships, edges)
            at = Position.decode(reply.position)
            told = []
            for r, (identity, data) in enumerate(
                zip(request.memberships, reply.memberships, strict=True)
            ):
                inside = said[identity] = self._inside(data)
                if inside is None:
                    updates.append((identity, b""))
                else:
                    w = at.topics[0].watermark.value
                    told.append(Announced(identity, members.get(r, (identity,)), "", w, inside))
            values = encode_audience_updates(told, at.topics[0].offset, at.version)
            updates += zip((t.identity for t in told), values, strict=True)
        return said, updates

    def _inside(self, data: bytes | None) -> dict[str, int] | None:
        if data is None:
            return None
        rules = self._rules.current
        _, since = standing.read(data, rules.layouts if rules is not None else {})
        return {name: at for name, at in since.items() if at > 0}


def _told(value: bytes) -> dict[str, int] | None:
    if not value:
        return None
    update = decode("AudienceUpdate", value)
    return {m["audience"]: m["since"] for m in update["memberships"]}
