"""People whose events were folded and scored by the real step, written to a shard store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from afflux.attributes import AttributeRecord, Value, fold_attributes
from afflux.catalog import Catalog
from afflux.columns import Kind
from afflux.identity import Edge, Edges
from afflux.limits import StepSettings
from afflux.names import ATTRIBUTES, EVENTS, Identity
from afflux.oracle.interests import Mention
from afflux.oracle.timeline import entry_of
from afflux.outcome import Batch, Fetched
from afflux.position import Position, TopicPosition, Watermark
from afflux.shards import murmur2, shard_of
from afflux.step import step
from afflux.timeline.growth import Growth
from core_cases import CATALOG, columns, linear_scorer
from core_replay import mentions_of
from profile_store import AsyncProfileStore, Profile
from profile_store.contract import Commit, RowRequest, ShardStore

SHARDS = 64
PARTITIONS = 4
NOON = 1_700_049_600_000
DAY = 86_400_000

Row = tuple[int, int, str, str, int, float]
"""offset, timestamp, identity, event id, kind, amount."""


def purchase(offset: int, day: float, who: str, amount: float) -> Row:
    """A purchase `day` days after noon of the first day."""
    return offset, NOON + int(day * DAY), who, f"event-{offset}", Kind.PURCHASE, amount


def view(offset: int, day: float, who: str) -> Row:
    """A page view."""
    return offset, NOON + int(day * DAY), who, f"event-{offset}", Kind.PAGE_VIEW, 0.0


async def fold(
    store: ShardStore,
    rows: Sequence[Row],
    catalog: Catalog = CATALOG,
    mentions: Mapping[int, Sequence[Mention]] | None = None,
) -> None:
    """Fold events into an empty store, one batch an event, all in the order of offsets.

    mentions: what the event at an offset is about.
    """
    interests: dict[Identity, bytes] = {}
    fragments: dict[Identity, bytes] = {}
    served: dict[Identity, bytes] = {}
    watermark, scorer = Watermark(), linear_scorer(catalog)
    for row in rows:
        about = (mentions or {}).get(row[0], ())
        events = replace(columns([row]), mentions=mentions_of([about]))
        (identity,), (event_id,) = events.identities, events.event_ids
        shard = shard_of(murmur2([identity]), SHARDS)
        head, _ = catalog.decode_served([served.get(identity)])
        position = Position(catalog.layout, (TopicPosition(b"t" * 16, row[0]),))
        out = step(
            Batch(0, row[0], row[0] + 1, events),
            watermark,
            Fetched(
                [identity],
                shard,
                catalog.decode_fragments([fragments.get(identity)]),
                head,
                interests={0: interests.get(identity)} if about else {},
            ),
            {int(shard[0]): position},
            catalog,
            scorer,
            StepSettings(SHARDS),
        )
        assert out.counters[int(shard[0])][0] == 1, "not accepted"
        fragments[identity] = catalog.encode_rows(out.fragment)[0]
        served[identity] = catalog.encode_rows(out.served)[0] + event_id.encode()
        if about:
            interests[identity] = out.interests[0]
    await write(store, fragments=fragments, served=served, interests=interests)


async def write(
    store: ShardStore,
    fragments: Mapping[Identity, bytes] | None = None,
    served: Mapping[Identity, bytes] | None = None,
    edges: Mapping[Identity, bytes] | None = None,
    attributes: Mapping[Identity, bytes] | None = None,
    interests: Mapping[Identity, bytes] | None = None,
) -> None:
    """Write rows as they are, each to the shard of its identity."""
    for identity in {**(fragments or {}), **(edges or {}), **(attributes or {})}:
        shard = shard_of_identity(identity)
        (found,) = await store.positions([shard])
        version = int.from_bytes(found[:8], "little")
        mine = [(i, v) for i, v in (served or {}).items() if i == identity]
        commit = Commit(
            shard,
            found[:24],
            Position(0, (), version + 1).encode(),
            b"",
            fragments=[(i, EVENTS, v) for i, v in (fragments or {}).items() if i == identity],
            served=mine,
            edges=[(i, v) for i, v in (edges or {}).items() if i == identity],
            attributes=[(i, ATTRIBUTES, v) for i, v in (attributes or {}).items() if i == identity],
            interests=[(i, v) for i, v in (interests or {}).items() if i == identity],
        )
        (result,) = await store.commit([commit])
        assert result.landed


async def keep_events(
    store: ShardStore, who: str, events: Sequence[tuple[float, str | None]]
) -> None:
    """The timeline of one identity: (day, type) of each event, in the order of the log."""
    identity = Identity(who.encode())
    entries = [
        entry_of(n, NOON + int(day * DAY), f"kept-{n}", kind, 0.0, 0.0, ())
        for n, (day, kind) in enumerate(events)
    ]
    shard = shard_of_identity(identity)
    (found,) = await store.positions([shard])
    position = Position(0, (), int.from_bytes(found[:8], "little") + 1).encode()
    growth = [(identity, EVENTS, Growth(entries).pack())]
    commit = Commit(shard, found[:24], position, b"", timelines=growth, timeline_events=1000)
    (result,) = await store.commit([commit])
    assert result.landed


def shard_of_identity(identity: Identity) -> int:
    """The shard of one identity."""
    return int(shard_of(murmur2([identity]), SHARDS)[0])


async def link(store: ShardStore, *pairs: tuple[str, str], day: float = 0.0) -> None:
    """Live edges in both directions; replaces the edges that the identities had."""
    edges: dict[Identity, Edges] = {}
    for n, pair in enumerate(pairs):
        edge = Edge(NOON + int(day * DAY) + n, f"link-{n}", True)
        a, b = (Identity(one.encode()) for one in pair)
        edges[a] = edges.get(a, Edges()).put(b, edge)
        edges[b] = edges.get(b, Edges()).put(a, edge)
    await write(store, edges={i: e.encode() for i, e in edges.items()})


async def describe(
    store: ShardStore, who: str, day: float, attributes: Mapping[str, Value]
) -> None:
    """Store an attribute record that became true on a day."""
    identity = Identity(who.encode())
    record = AttributeRecord(0, NOON + int(day * DAY), identity, attributes)
    await write(store, attributes={identity: fold_attributes(None, [record], 0)})


def tombstone(catalog: Catalog = CATALOG) -> bytes:
    """The fragment of a deleted person."""
    rows = catalog.new_fragments(1)
    rows["deleted_at"] = NOON
    return catalog.encode_rows(rows)[0]


def vector(fragment: bytes, at: int, catalog: Catalog = CATALOG) -> list[float]:
    """The features of one fragment, straight from the core."""
    rows = catalog.decode_fragments([fragment])
    return [float(x) for x in catalog.matrix(rows, np.array([at], np.int64))[0]]


async def known(reader: AsyncProfileStore, namespace: str, id: str, **how: object) -> Profile:
    """A profile that must be there."""
    profile = await reader.get(namespace, id, **how)  # type: ignore[arg-type]
    assert profile is not None
    return profile


async def stored(shards: ShardStore, who: str) -> bytes:
    """The fragment in the store."""
    identity = Identity(who.encode())
    (reply,) = await shards.read([RowRequest(shard_of_identity(identity), [(identity, EVENTS)])])
    assert reply.fragments[0] is not None
    return reply.fragments[0]
