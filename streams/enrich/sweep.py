"""Back-fill: when the audiences change, everybody is asked, also those to whom nothing happens.

People are found by going through the keys of the store, some a second, and asked at W of the
moment, in the same commits as everything else. How far a shard is is part of these commits; a
worker that takes over a shard which is not done asks its people again, which changes nothing
where they were asked already.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from afflux.names import Identity
from afflux.position import NONE_MS
from profile_store.audience_store import START, Place, Swept
from streams.enrich.audiences import RuleSource
from streams.enrich.partition import OwnedPartition

log = logging.getLogger("afflux.audiences")

LOOKS = 8
"""Looks at the store in one turn, each of about a thousand keys."""

TURN_S = 0.25
"""No further look is begun after so long."""

People = Sequence[tuple[int, Identity]]
Ask = Callable[[OwnedPartition, People, Mapping[int, bytes]], Awaitable[None]]


class PeopleStore(Protocol):
    """Where everybody is found."""

    async def swept(self, shards: Sequence[int]) -> list[Swept]:
        """Progress of each shard."""
        ...

    async def people(
        self, shards: Sequence[int], place: Place = START
    ) -> tuple[Place | None, list[tuple[int, Identity]]]:
        """Some (shard, identity) of these shards; then where to go on, None at the end."""
        ...


@dataclass(slots=True)
class _Pass:
    """Going once through the store for some shards."""

    version: int
    shards: tuple[int, ...]
    place: Place = START
    asked: dict[int, int] = field(default_factory=dict)


class Sweep:
    """Runs beside the batches, a turn a second."""

    def __init__(
        self,
        store: PeopleStore,
        source: RuleSource,
        ask: Ask,
        most: int,
        monotonic: Callable[[], float],
    ) -> None:
        """ask: about so many people of one partition at most, whose lock it holds."""
        self._store = store
        self._source = source
        self._ask = ask
        self._most = most
        self._monotonic = monotonic
        self._done: dict[int, tuple[int, bool]] = {}
        """Shard -> version of the rules that all its people were asked, and whether `untimed`."""
        self._pass: _Pass | None = None

    def forget(self) -> None:
        """Shards came, or the store is another than it was: look how far they are."""
        self._done.clear()
        self._pass = None

    async def turn(self, parts: Mapping[int, OwnedPartition]) -> None:
        """Ask some people of these partitions. Raises StoreUnavailable, LostRace."""
        rules = self._source.current
        if rules is None:
            return
        part_of = {s: p for p in parts.values() for s in p.shards}
        began = self._monotonic()
        for _ in range(LOOKS):
            if self._pass is None or self._pass.version != rules.version:
                self._pass = await self._next_pass(rules.version, part_of)
            if self._pass is None or self._monotonic() - began > TURN_S:
                return
            await self._look(self._pass, part_of)

    async def _next_pass(self, version: int, part_of: Mapping[int, OwnedPartition]) -> _Pass | None:
        left = self._left(version, part_of)
        if not left:
            return None
        for shard, swept in zip(left, await self._store.swept(left), strict=True):
            if swept.done:
                self._done[shard] = swept.version, swept.untimed
        left = self._left(version, part_of)
        if left:
            log.info("audiences, version %d: asking everybody in %d shards", version, len(left))
        return _Pass(version, tuple(left)) if left else None

    def _left(self, version: int, part_of: Mapping[int, OwnedPartition]) -> list[int]:
        return [
            s
            for s, part in part_of.items()
            if self._done.get(s) not in ((version, False), (version, _untimed(part)))
        ]

    async def _look(self, going: _Pass, part_of: Mapping[int, OwnedPartition]) -> None:
        after, people = await self._store.people(going.shards, going.place)
        for part in {p.number: p for p in part_of.values()}.values():
            mine = [(s, i) for s, i in people if part_of.get(s) is part]
            for start in range(0, len(mine), self._most):
                some = mine[start : start + self._most]
                await self._ask(part, some, self._progress(going, some))
        if after is not None:
            going.place = after
            return
        for part in {p.number: p for p in part_of.values()}.values():
            ended = [s for s in going.shards if part_of.get(s) is part]
            if ended:
                untimed, asked = _untimed(part), going.asked
                swept = {s: Swept(going.version, asked.get(s, 0), True, untimed) for s in ended}
                await self._ask(part, (), {s: one.encode() for s, one in swept.items()})
                self._done.update(dict.fromkeys(ended, (going.version, untimed)))
        self._pass = None

    def _progress(self, going: _Pass, people: People) -> dict[int, bytes]:
        for shard, _ in people:
            going.asked[shard] = going.asked.get(shard, 0) + 1
        shards = {s for s, _ in people}
        return {s: Swept(going.version, going.asked[s]).encode() for s in shards}


def _untimed(part: OwnedPartition) -> bool:
    return part.heads[0].watermark.value == NONE_MS
