"""Links between identities: seen in events, sent by other shards, cut by unlinks.

The row keeps how many edges are live and W when they began; the edges themselves are stored
beside it. An edge that is seen again counts, and is sent to the other end, only when it is new,
was cut, or is older than the refresh time: else every event would write.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from afflux.columns import I64, EventColumns
from afflux.identity import Edge, Edges
from afflux.names import Identity
from afflux.outcome import Control
from afflux.shards import murmur2
from afflux.watermark import Passage
from afflux.workspace import Workspace


def see(work: Workspace, events: EventColumns, passage: Passage, index: I64) -> None:
    """Take in the links that the events at `index` name, in offset order."""
    accepted = np.zeros(len(events), np.bool_)
    accepted[index] = True
    pairs = np.flatnonzero(accepted[events.link_event])
    if not len(pairs):
        return
    pairs = pairs[np.argsort(events.link_event[pairs], kind="stable")]
    last, rank = -1, 0
    for e, k in zip(
        events.link_event[pairs].tolist(), events.link_identity[pairs].tolist(), strict=True
    ):
        rank = 0 if e != last else rank
        last = e
        rank += _see_one(work, events, e, events.link_names[k], int(passage.before[e]), rank)


def _see_one(
    work: Workspace, events: EventColumns, e: int, other: Identity, w: int, rank: int
) -> bool:
    row, ts = int(events.identity[e]), int(events.timestamp[e])
    if other == work.fetched.identities[row]:
        return False
    old = work.edges_of(row).get(other)
    if old is not None and old.live and ts < old.timestamp + work.settings.edge_refresh_ms:
        return False
    edge = Edge(ts, events.event_ids[e], True)
    if not put(work, row, other, edge, w):
        return False
    derive(work, "edge", row, other, edge, int(events.offset[e]), int(events.append_time[e]), rank)
    return True


def put(work: Workspace, row: int, other: Identity, edge: Edge, w: int) -> bool:
    """Store the edge of `row` to `other` where it wins; whether it did. `w` is W(o)."""
    return _keep(work, row, work.edges_of(row).put(other, edge), w)


def forget(work: Workspace, row: int, other: Identity, until: int, w: int) -> bool:
    """Drop the edge of `row` to a person who was deleted; whether there was one.

    A link that was made after the delete, `until`, stays. `w` is W(o).
    """
    return _keep(work, row, work.edges_of(row).without(other, until), w)


def _keep(work: Workspace, row: int, new: Edges, w: int) -> bool:
    if new is work.edges_of(row):
        return False
    work.edges[row] = new
    live = new.live
    if not live:
        work.rows["linked_at"][row] = 0
    elif not work.rows["links"][row]:
        work.rows["linked_at"][row] = w
    work.rows["links"][row] = live
    work.changed[row] = True
    return True


def derive(
    work: Workspace,
    kind: str,
    row: int,
    other: Identity,
    edge: Edge,
    offset: int,
    append_time: int,
    rank: int,
) -> None:
    """Tell `other` in its own partition."""
    work.derived.append(
        Control(
            kind=kind,
            offset=offset,
            timestamp=edge.timestamp,
            append_time=append_time,
            identity=other,
            identity_hash=0,
            other=work.fetched.identities[row],
            event_id=edge.event_id,
            origin=(int(work.fetched.shard[row]), offset, rank),
        )
    )


def addressed(derived: Sequence[Control]) -> list[Control]:
    """With their hashes, in the order of their origins."""
    if not derived:
        return []
    hashes = murmur2([c.identity or b"" for c in derived]).tolist()
    named = [replace(c, identity_hash=h) for c, h in zip(derived, hashes, strict=True)]
    return sorted(named, key=lambda c: c.origin or (0, 0, 0))
