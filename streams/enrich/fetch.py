"""Reads the rows that one step needs: touched rows, rows with a due deadline, linked rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from afflux.catalog import Catalog
from afflux.columns import I32, I64, Bool
from afflux.identity import Edge, Edges, component
from afflux.names import ATTRIBUTES, EVENTS, Identity
from afflux.outcome import Fetched
from afflux.shards import murmur2, shard_of
from profile_store.contract import RowReply, RowRequest, ShardStore

_NOW = 2**62
"""Later than every event."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows to read. `wanted` masks `identities`; the rest become empty rows."""

    identities: Sequence[Identity]
    shard: I32
    wanted: Bool
    edges: frozenset[int]
    """Rows whose links are read at once (the others only where their fragment has links)."""
    attributes: frozenset[int]
    due: Mapping[int, tuple[int, int]]
    """Shard -> (deadline limit, exclusive; at most so many rows)."""
    neighbours: Mapping[int, Sequence[Identity]] = field(default_factory=dict)
    """Row -> identities that this batch links it to."""


@dataclass(slots=True)
class Rows:
    """What was read: the step's input, and what the commit needs of the old values."""

    fetched: Fetched
    touched: Bool
    """Rows that the step may change: those of its records, and those with a due deadline."""
    event_ids: list[bytes]
    """Tail of each served row: the event that its scores are as of."""
    attributes: dict[int, bytes]
    positions: dict[int, bytes]
    """Stored position of every shard that was read."""
    due: dict[int, Sequence[tuple[Identity, int]]]
    next_due: dict[int, int | None]
    members: dict[int, list[Identity]]
    """Row -> all identities of its profile, for rows that have links."""


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
        edges: dict[int, Edges] = {}
        attributes: dict[int, bytes] = {}

        groups = _by_shard(order, wanted.shard)
        requests, places = [], []
        for shard in sorted(groups.keys() | wanted.due.keys()):
            rows = groups.get(shard, [])
            requests.append(_request(shard, rows, identities, wanted))
            places.append(rows)
        replies = await self._store.read(requests) if requests else []
        for rows, reply in zip(places, replies, strict=True):
            _place(reply, rows, wanted, fragments, served, edges, attributes)

        shards = wanted.shard
        late, due = _due_rows(replies, identities, wanted.wanted)
        new = [(s, i) for s, i, r in late if r >= len(wanted.identities)]
        if new:
            shards = np.concatenate([shards, np.array([s for s, _ in new], np.int32)])
            identities += [i for _, i in new]
            fragments += [None] * len(new)
            served += [None] * len(new)
        touched = np.concatenate([wanted.wanted, np.ones(len(new), np.bool_)])
        if late:
            await self._read_due(late, fragments, served)
            touched[[r for _, _, r in late]] = True

        fragment = self._catalog.decode_fragments(fragments)
        served_rows, tails = self._catalog.decode_served(served)
        await self._read_edges(fragment, identities, shards, edges)
        owner, linked, members = await self._linked(identities, edges, wanted.neighbours)
        return Rows(
            fetched=Fetched(
                identities, shards, fragment, served_rows, edges, owner,
                self._catalog.decode_fragments(linked) if linked else None, due,
            ),
            touched=touched,
            event_ids=tails,
            attributes=attributes,
            positions={r.shard: r.position for r in replies},
            due={r.shard: r.due for r in replies if r.shard in wanted.due},
            next_due={r.shard: r.next_due for r in replies if r.shard in wanted.due},
            members=members,
        )  # fmt: skip

    async def members(
        self, identities: Sequence[Identity], edges: Mapping[int, Edges]
    ) -> dict[int, list[Identity]]:
        """Row -> all identities of its profile, for the rows that have live edges."""
        return (await self._linked(identities, edges, {}))[2]

    async def _read_due(
        self,
        late: Sequence[tuple[int, Identity, int]],
        fragments: list[bytes | None],
        served: list[bytes | None],
    ) -> None:
        rows: dict[int, list[tuple[Identity, int]]] = {}
        for shard, identity, row in late:
            rows.setdefault(shard, []).append((identity, row))
        replies = await self._store.read(
            [
                RowRequest(s, [(i, EVENTS) for i, _ in group], [i for i, _ in group])
                for s, group in rows.items()
            ]
        )
        for group, reply in zip(rows.values(), replies, strict=True):
            for (_, row), f, v in zip(group, reply.fragments, reply.served, strict=True):
                fragments[row] = f
                served[row] = v

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


def _request(
    shard: int, rows: Sequence[int], identities: Sequence[Identity], wanted: Wanted
) -> RowRequest:
    until, limit = wanted.due.get(shard, (None, 0))
    ids = [identities[r] for r in rows]
    return RowRequest(
        shard,
        fragments=[(i, EVENTS) for i in ids],
        served=ids,
        edges=[identities[r] for r in rows if r in wanted.edges] if wanted.edges else (),
        attributes=[(identities[r], ATTRIBUTES) for r in rows if r in wanted.attributes]
        if wanted.attributes
        else (),
        due_until=until,
        due_limit=limit,
    )


def _place(
    reply: RowReply,
    rows: Sequence[int],
    wanted: Wanted,
    fragments: list[bytes | None],
    served: list[bytes | None],
    edges: dict[int, Edges],
    attributes: dict[int, bytes],
) -> None:
    for r, f, v in zip(rows, reply.fragments, reply.served, strict=True):
        fragments[r] = f
        served[r] = v
    if wanted.edges:
        asked = [r for r in rows if r in wanted.edges]
        edges.update((r, Edges.decode(data)) for r, data in zip(asked, reply.edges, strict=True))
    if wanted.attributes:
        asked = [r for r in rows if r in wanted.attributes]
        attributes.update((r, a or b"") for r, a in zip(asked, reply.attributes, strict=True))


def _due_rows(
    replies: Sequence[RowReply], identities: Sequence[Identity], wanted: Bool
) -> tuple[list[tuple[int, Identity, int]], I64]:
    """(shard, identity, row) of due rows that were not read yet; new rows go to the end.

    And the deadline of every row, 0 where it is not due.
    """
    if not any(reply.due for reply in replies):
        return [], _NONE_DUE
    known = {identity: row for row, identity in enumerate(identities)}
    late, at = [], {}
    for reply in replies:
        for identity, deadline in reply.due:
            row = known.setdefault(identity, len(known))
            at[row] = deadline
            if row >= len(wanted) or not wanted[row]:
                late.append((reply.shard, identity, row))
    due = np.zeros(len(known), np.int64)
    due[list(at)] = list(at.values())
    return late, due


_NONE_DUE = np.empty(0, np.int64)


def _with(edges: Edges, more: Sequence[Identity]) -> Edges:
    """With links that this very batch names: the newest."""
    for other in more:
        edges = edges.put(other, Edge(_NOW, "", True))
    return edges


def _unique(identities: Iterable[Identity]) -> list[Identity]:
    return list(dict.fromkeys(identities))
