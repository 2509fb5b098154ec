"""Everything about audiences that is not a row: definitions, members, progress of a back-fill."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from afflux.names import Identity
from profile_store.cluster_nodes import sole_owner
from profile_store.commands import Command
from profile_store.keys import AUDIENCES, AUDIENCES_SLOT, Keys
from profile_store.link import Link
from profile_store.replies import checked, is_error
from profile_store.scripts import SWAP

_SWEPT = struct.Struct("<QQ??")
_KEYS_A_LOOK = 1_000
_MEMBERS_A_READ = 1_000
_MOVING_S = 0.1
"""Pause before a slot that moves is looked at again."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where going through the people of some shards is: which shard, the cursor, of which node."""

    unit: int = 0
    at: int = 0
    node: str = ""


START = Place()


@dataclass(frozen=True, slots=True)
class Swept:
    """How far one shard is in asking everybody about a set of rules.

    >>> Swept.decode(Swept(3, 70, True).encode())
    Swept(version=3, people=70, done=True, untimed=False)
    """

    version: int = 0
    people: int = 0
    """Asked so far."""
    done: bool = False
    untimed: bool = False
    """There was no event time yet: whoever is there is asked again when there is."""

    def encode(self) -> bytes:
        """The stored form."""
        return _SWEPT.pack(self.version, self.people, self.done, self.untimed)

    @staticmethod
    def decode(data: bytes | None) -> Swept:
        """From the stored form; nothing was asked where there is none."""
        return Swept(*_SWEPT.unpack(data)) if data else Swept()


class AudienceStore:
    """What workers, readers and commands share. All methods may raise StoreUnavailable."""

    def __init__(self, link: Link, keys: Keys) -> None:
        self._link = link
        self._keys = keys

    @property
    def shards(self) -> int:
        """Of the installation."""
        return self._keys.shards

    # --- definitions -----------------------------------------------------------------------

    async def definitions(self) -> bytes:
        """The stored record, b"" if there is none."""
        (data,) = await self._run([Command(AUDIENCES_SLOT, ("GET", AUDIENCES))])
        return data or b""

    async def swap_definitions(self, found: bytes, wanted: bytes) -> bool:
        """Replace what was `found` (b"" for none); False if it is another by now."""
        call = SWAP.with_text(SWAP.call([AUDIENCES], [found, wanted]))
        (swapped,) = await self._run([Command(AUDIENCES_SLOT, call)])
        return bool(swapped)

    # --- who there is ----------------------------------------------------------------------

    async def swept(self, shards: Sequence[int]) -> list[Swept]:
        """Progress of each shard."""
        keys = self._keys
        found = await self._run([Command(keys.slot(s), ("GET", keys.swept(s))) for s in shards])
        return [Swept.decode(data) for data in found]

    async def people(
        self, shards: Sequence[int], place: Place = START
    ) -> tuple[Place | None, list[tuple[int, Identity]]]:
        """Some (shard, identity) of these shards; then where to go on, None at the end.

        Whoever is there from beginning to end is named at least once. A server is gone through
        once for all shards; in a cluster once a shard, and again where its slot moved meanwhile.
        """
        clustered = self._link.clustered
        shard = shards[place.unit]
        slot = self._keys.slot(shard)
        pattern = self._keys.people_pattern(shard if clustered else None)
        scan = Command(slot, ("SCAN", b"%d" % place.at, "MATCH", pattern, "COUNT", _KEYS_A_LOOK))
        node = ""
        if clustered:
            node, reply = await self._scan_of_owner(shard, scan)
            if not node or (place.at and place.node != node):
                return Place(place.unit), []  # a cursor means nothing to another server
        else:
            (reply,) = await self._run([scan])
        next_at, keys = reply
        wanted = frozenset(shards)
        owners = dict.fromkeys(filter(None, map(self._keys.owner_of, keys)))
        people = [owner for owner in owners if owner[0] in wanted]
        if int(next_at):
            return Place(place.unit, int(next_at), node), people
        last = not clustered or place.unit + 1 == len(shards)
        return (None if last else Place(place.unit + 1)), people

    async def _scan_of_owner(self, shard: int, scan: Command) -> tuple[str, Any]:
        """The node that has all keys of a shard, and its reply; "" when none has all of them now.

        The read of a key comes first: a node that has lost the slot says so, and the next look
        goes to the right one.
        """
        looks = Command(scan.slot, ("CLUSTER", "NODES"))
        key = Command(scan.slot, ("EXISTS", self._keys.position(shard)))
        _, before, reply, after = await self._run([key, looks, scan, looks])
        node = sole_owner(before, scan.slot)
        if node and node == sole_owner(after, scan.slot):
            return node, reply
        await asyncio.sleep(_MOVING_S)
        return "", None

    async def counts(self, names: Sequence[str]) -> dict[str, int]:
        """Members of each audience: identities, of all shards."""
        keys, shards = self._keys, range(self._keys.shards)
        commands = [
            Command(keys.slot(s), ("ZCARD", keys.members(s, name)))
            for name in names
            for s in shards
        ]
        found = await self._run(commands)
        n = len(shards)
        return {name: sum(found[i * n : (i + 1) * n]) for i, name in enumerate(names)}

    async def members(
        self, name: str, limit: int, after: tuple[int, Identity] | None = None
    ) -> list[tuple[int, Identity]]:
        """At most `limit` members (shard, identity), in this order, behind `after`."""
        shard, last = after if after is not None else (0, None)
        found: list[tuple[int, Identity]] = []
        while shard < self._keys.shards and len(found) < limit:
            here = await self._of_shard(shard, name, last, limit - len(found))
            found += [(shard, identity) for identity in here]
            shard, last = shard + 1, None
        return found

    async def overlap(self, one: str, other: str) -> int:
        """Identities that are in both."""
        keys, shards = self._keys, range(self._keys.shards)
        commands = [
            Command(keys.slot(s), ("ZINTERCARD", "2", keys.members(s, one), keys.members(s, other)))
            for s in shards
        ]
        replies = await self._link.run(commands)
        if any(is_error(reply) and "unknown command" in str(reply) for reply in replies):
            return sum([await self._overlap_of(s, one, other) for s in shards])  # before Redis 7
        return sum(checked(replies, self._link.name))

    async def _overlap_of(self, shard: int, one: str, other: str) -> int:
        both, last = 0, None
        while mine := await self._of_shard(shard, one, last, _MEMBERS_A_READ):
            last = mine[-1]
            key = self._keys.members(shard, other)
            slot = self._keys.slot(shard)
            scores = await self._run([Command(slot, ("ZSCORE", key, i)) for i in mine])
            both += sum(score is not None for score in scores)
        return both

    async def _of_shard(
        self, shard: int, name: str, last: Identity | None, limit: int
    ) -> list[Identity]:
        key = self._keys.members(shard, name)
        start = b"-" if last is None else b"(" + last
        args = ("ZRANGEBYLEX", key, start, "+", "LIMIT", 0, limit)
        (found,) = await self._run([Command(self._keys.slot(shard), args)])
        return [Identity(identity) for identity in found]

    async def _run(self, commands: Sequence[Command]) -> list[Any]:
        return checked(await self._link.run(commands), self._link.name)
