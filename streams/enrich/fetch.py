"""Reads the rows that one step needs: touched rows, rows with a due deadline, linked rows."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from afflux.audiences.judging import Rules
from afflux.catalog import Catalog
from afflux.columns import I32, I64, Bool
from afflux.identity import Edge, Edges, component
from afflux.names import EVENTS, Dataset, Identity
from afflux.outcome import Fetched
from afflux.shards import murmur2, shard_of
from profile_store.contract import RowReply, RowRequest, ShardStore
from streams.enrich.wanted import Records, Wanted, records_of, request

_NOW = 2**62
"""Later than every event."""


@dataclass(slots=True)
class Rows:
    """What was read: the step's input, and what the commit needs of the old values."""

    fetched: Fetched
    touched: Bool
    """Rows that the step may change: those of its records, and those with a due deadline."""
    event_ids: list[bytes]
    """Tail of each served row: the event that its scores are as of."""
    attributes: dict[int, Records]
    positions: dict[int, bytes]
    """Stored position of every shard that was read."""
    due: dict[int, Sequence[tuple[Identity, int]]]
    next_due: dict[int, int | None]
    members: dict[int, list[Identity]]
    """Row -> all identities of its profile, for rows that have links."""
    rules: Rules | None = None
    """Those that this was read for."""
    memberships: list[bytes | None] = field(default_factory=list)
    """Of each row, where there are rules."""
    linked_attributes: dict[int, list[tuple[Identity, Dataset, bytes]]] = field(
        default_factory=dict
    )
    """Row -> what is stored of the other identities of its profile, where it was asked for."""


class RowFetcher:
    """Reads through a shard store and decodes into the catalog's arrays."""

    def __init__(self, store: ShardStore, catalog: Catalog, shards: int) -> None:
        self._store = store
        self._catalog = catalog
        self._shards = shards

    async def fetch(self, wanted: Wanted) -> Rows:
        """One round trip; one more where deadlines are due; one a hop where people have links."""
        identities = list(wanted.identities)
        order = np.flatnonzero(wanted.wanted)
        order = order[np.argsort(wanted.shard[order], kind="stable")]
        fragments: list[bytes | None] = [None] * len(identities)
        served: list[bytes | None] = [None] * len(identities)
        memberships: list[bytes | None] = [None] * len(identities) if wanted.rules else []
        edges: dict[int, Edges] = {}
        attributes: dict[int, Records] = {}
        interests: dict[int, bytes | None] = {}

        groups = _by_shard(order, wanted.shard)
        requests, places = [], []
        for shard in sorted(groups.keys() | wanted.due.keys()):
            rows = groups.get(shard, [])
            requests.append(request(shard, rows, identities, wanted))
            places.append(rows)
        replies = await self._store.read(requests) if requests else []
        for rows, reply in zip(places, replies, strict=True):
            _place(reply, rows, wanted, fragments, served, edges, attributes, interests)
            for r, memberships_of in zip(rows, reply.memberships, strict=False):
                memberships[r] = memberships_of

        shards = wanted.shard
        late, due = _due_rows(replies, identities, wanted.wanted)
        new = [(s, i) for s, i, r in late if r >= len(wanted.identities)]
        if new:
            shards = np.concatenate([shards, np.array([s for s, _ in new], np.int32)])
            identities += [i for _, i in new]
            fragments += [None] * len(new)
            served += [None] * len(new)
            memberships += [None] * len(new) if wanted.rules else []
        touched = np.concatenate([wanted.wanted, np.ones(len(new), np.bool_)])
        if late:
            await self._read_due(late, wanted, fragments, served, memberships, attributes)
            touched[[r for _, _, r in late]] = True

        fragment = self._catalog.decode_fragments(fragments)
        served_rows, tails = self._catalog.decode_served(served)
        await self._read_edges(fragment, identities, shards, edges)
        owner, linked, members = await self._linked(identities, edges, wanted.neighbours)
        of_linked = {}
        if members and wanted.all_attributes:
            of_linked = await self._attributes_of(members, wanted.records)
        return Rows(
            fetched=Fetched(
                identities, shards, fragment, served_rows, edges, owner,
                self._catalog.decode_fragments(linked) if linked else None, due, interests,
            ),
            touched=touched,
            event_ids=tails,
            attributes=attributes,
            positions={r.shard: r.position for r in replies},
            due={r.shard: r.due for r in replies if r.shard in wanted.due},
            next_due={r.shard: r.next_due for r in replies if r.shard in wanted.due},
            members=members,
            rules=wanted.rules,
            memberships=memberships,
            linked_attributes=of_linked,
        )  # fmt: skip

    async def members(
        self, identities: Sequence[Identity], edges: Mapping[int, Edges]
    ) -> dict[int, list[Identity]]:
        """Row -> all identities of its profile, for the rows that have live edges."""
        return (await self._linked(identities, edges, {}))[2]

    async def _read_due(
        self,
        late: Sequence[tuple[int, Identity, int]],
        wanted: Wanted,
        fragments: list[bytes | None],
        served: list[bytes | None],
        memberships: list[bytes | None],
        attributes: dict[int, Records],
    ) -> None:
        groups: dict[int, tuple[list[Identity], list[int]]] = {}
        for shard, of_shard in itertools.groupby(late, key=itemgetter(0)):
            _, people, rows = zip(*of_shard, strict=True)
            groups[shard] = list(people), list(rows)
        replies = await self._store.read(
            [
                RowRequest(
                    shard,
                    list(zip(people, repeat(EVENTS), strict=False)),
                    people,
                    attributes=list(itertools.product(people, wanted.records))
                    if wanted.all_attributes
                    else (),
                    memberships=people if wanted.rules else (),
                )
                for shard, (people, _) in groups.items()
            ]
        )
        for (_, of_reply), reply in zip(groups.values(), replies, strict=True):
            for row, f, v in zip(of_reply, reply.fragments, reply.served, strict=True):
                fragments[row] = f
                served[row] = v
            for row, m in zip(of_reply, reply.memberships, strict=False):
                memberships[row] = m
            found = records_of(reply.attributes, wanted.records)
            for row, records in zip(of_reply, found, strict=False):
                attributes[row] = records

    async def _read_edges(
        self,
        fragment: NDArray[np.void],
        identities: Sequence[Identity],
        shards: I32,
        edges: dict[int, Edges],
    ) -> None:
        rows = [r for r in np.flatnonzero(fragment["links"]).tolist() if r not in edges]
        if not rows:
            return
        groups = _by_shard(np.array(rows), shards)
        replies = await self._store.read(
            [RowRequest(s, edges=[identities[r] for r in rs]) for s, rs in groups.items()]
        )
        for rs, reply in zip(groups.values(), replies, strict=True):
            for r, data in zip(rs, reply.edges, strict=True):
                edges[r] = Edges.decode(data)

    async def _linked(
        self,
        identities: Sequence[Identity],
        edges: Mapping[int, Edges],
        neighbours: Mapping[int, Sequence[Identity]],
    ) -> tuple[I32, list[bytes | None], dict[int, list[Identity]]]:
        """Fragments of the other identities of every profile, which are those that readers see."""
        graph = {identities[r]: e for r, e in edges.items()}
        of_row = {
            r: _with(edges.get(r) or Edges(), neighbours.get(r, ()))
            for r in sorted(edges.keys() | neighbours.keys())
        }
        of_row = {r: e for r, e in of_row.items() if e.live}
        rows: dict[Identity, bytes | None] = {}
        while True:
            reached = {r: self._reached(identities[r], e, graph) for r, e in of_row.items()}
            missing = _unique(i for ids in reached.values() for i in ids[1:] if i not in rows)
            if not missing:
                break
            for identity, fragment, edge in await self._read_foreign(missing):
                rows[identity] = fragment
                graph.setdefault(identity, edge)
        reached = {r: ids for r, ids in reached.items() if len(ids) > 1}
        owner = [r for r, ids in reached.items() for i in ids[1:] if rows[i] is not None]
        linked = [rows[i] for ids in reached.values() for i in ids[1:] if rows[i] is not None]
        return np.array(owner, np.int32), linked, reached

    @staticmethod
    def _reached(start: Identity, edges: Edges, graph: Mapping[Identity, Edges]) -> list[Identity]:
        return component(start, lambda i: edges if i == start else graph.get(i))

    async def _attributes_of(
        self, members: Mapping[int, Sequence[Identity]], datasets: Sequence[Dataset]
    ) -> dict[int, list[tuple[Identity, Dataset, bytes]]]:
        """Row -> attributes of the other identities of its profile."""
        others = _unique(i for people in members.values() for i in people[1:])
        shards = shard_of(murmur2(others), self._shards)
        groups = _by_shard(np.arange(len(others)), shards)
        replies = await self._store.read(
            [
                RowRequest(s, attributes=[(others[r], d) for r in rs for d in datasets])
                for s, rs in groups.items()
            ]
        )
        found = {
            others[r]: records
            for rs, reply in zip(groups.values(), replies, strict=True)
            for r, records in zip(rs, records_of(reply.attributes, datasets), strict=True)
        }
        return {
            r: [(i, dataset, data) for i in people[1:] for dataset, data in found[i]]
            for r, people in members.items()
        }

    async def _read_foreign(
        self, identities: Sequence[Identity]
    ) -> list[tuple[Identity, bytes | None, Edges]]:
        shards = shard_of(murmur2(identities), self._shards)
        groups = _by_shard(np.arange(len(identities)), shards)
        replies = await self._store.read(
            [
                RowRequest(
                    s, [(identities[r], EVENTS) for r in rs], edges=[identities[r] for r in rs]
                )
                for s, rs in groups.items()
            ]
        )
        return [
            (identities[r], f, Edges.decode(e))
            for rs, reply in zip(groups.values(), replies, strict=True)
            for r, f, e in zip(rs, reply.fragments, reply.edges, strict=True)
        ]


def _by_shard(rows: NDArray[np.intp], shard: I32) -> dict[int, list[int]]:
    """Rows grouped by shard, shards ascending."""
    if not len(rows):
        return {}
    rows = rows[np.argsort(shard[rows], kind="stable")]
    cuts = np.flatnonzero(np.diff(shard[rows])) + 1
    return {int(shard[part[0]]): part.tolist() for part in np.split(rows, cuts)}


def _place(
    reply: RowReply,
    rows: Sequence[int],
    wanted: Wanted,
    fragments: list[bytes | None],
    served: list[bytes | None],
    edges: dict[int, Edges],
    attributes: dict[int, Records],
    interests: dict[int, bytes | None],
) -> None:
    for r, f, v in zip(rows, reply.fragments, reply.served, strict=True):
        fragments[r] = f
        served[r] = v
    if wanted.edges:
        asked = [r for r in rows if r in wanted.edges]
        edges.update((r, Edges.decode(data)) for r, data in zip(asked, reply.edges, strict=True))
    if wanted.all_attributes:
        found = records_of(reply.attributes, wanted.records)
        attributes.update((r, a) for r, a in zip(rows, found, strict=True) if a)
    elif wanted.attributes:
        asked = [r for r in rows if r in wanted.attributes]
        found = records_of(reply.attributes, wanted.records)
        attributes.update(zip(asked, found, strict=True))
    if wanted.interests:
        asked = [r for r in rows if r in wanted.interests]
        interests.update(zip(asked, reply.interests, strict=True))


def _due_rows(
    replies: Sequence[RowReply], identities: Sequence[Identity], wanted: Bool
) -> tuple[list[tuple[int, Identity, int]], I64]:
    """(shard, identity, row) of due rows that were not read yet; new rows go to the end.

    And the deadline of every row, 0 where it is not due.
    """
    if not any(reply.due for reply in replies):
        return [], _NONE_DUE
    known = dict(zip(identities, range(len(identities)), strict=True))
    is_read, late, rows, deadlines = wanted.tolist(), [], [], []
    for reply in replies:
        shard = reply.shard
        for identity, deadline in reply.due:
            row = known.get(identity)
            if row is None:
                row = known[identity] = len(known)
                late.append((shard, identity, row))
            elif not is_read[row]:
                late.append((shard, identity, row))
            rows.append(row)
            deadlines.append(deadline)
    due = np.zeros(len(known), np.int64)
    due[rows] = deadlines
    return late, due


_NONE_DUE = np.empty(0, np.int64)


def _with(edges: Edges, more: Sequence[Identity]) -> Edges:
    """With links that this very batch names: the newest."""
    for other in more:
        edges = edges.put(other, Edge(_NOW, "", True))
    return edges


def _unique(identities: Iterable[Identity]) -> list[Identity]:
    return list(dict.fromkeys(identities))
