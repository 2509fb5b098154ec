"""Examples of people who were deleted are not learned.

The tombstone is committed before anything of the same step is announced, so an example that was
closed by the very step which folded the delete meets it too. What was learned before stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from afflux.codes import Code
from afflux.columns import I64, Bool
from afflux.examples import ExampleColumns
from afflux.names import EVENTS, Identity
from afflux.position import Position
from afflux.rows import deleted_at_of
from profile_store.contract import RowRequest, ShardStore


async def without_deleted(store: ShardStore, examples: ExampleColumns) -> ExampleColumns:
    """The examples that were opened after the last delete of their identity.

    One round trip, and another for shards that have ever seen a control record, since only those
    can have deleted anybody. Raises StoreUnavailable.
    """
    keep = await outlived(store, examples.shard.tolist(), examples.identities, examples.open_ts)
    return examples if keep.all() else _take(examples, keep)


async def outlived(
    store: ShardStore, shard: Sequence[int], identities: Sequence[Identity], time: I64
) -> Bool:
    """Which of these are after the last delete of their identity; the rest as above."""
    keep = np.ones(len(identities), np.bool_)
    rows = _by_identity(shard, identities)
    shards = await _with_controls(store, list(rows))
    if not shards:
        return keep
    requests = [RowRequest(s, fragments=[(who, EVENTS) for who in rows[s]]) for s in shards]
    for s, reply in zip(shards, await store.read(requests), strict=True):
        for at, fragment in zip(rows[s].values(), reply.fragments, strict=True):
            deleted = deleted_at_of(fragment)
            if deleted:
                keep[at] = time[at] > deleted
    return keep


def _by_identity(
    shards: Sequence[int], identities: Sequence[Identity]
) -> dict[int, dict[Identity, list[int]]]:
    rows: dict[int, dict[Identity, list[int]]] = {}
    for i, (shard, who) in enumerate(zip(shards, identities, strict=True)):
        rows.setdefault(shard, {}).setdefault(who, []).append(i)
    return rows


async def _with_controls(store: ShardStore, shards: list[int]) -> list[int]:
    positions = await store.read([RowRequest(shard) for shard in shards])
    return [
        reply.shard
        for reply in positions
        if reply.position and Position.decode(reply.position).counters[Code.control]
    ]


def _take(examples: ExampleColumns, keep: Bool) -> ExampleColumns:
    rows = keep.nonzero()[0]
    taken: dict[str, Any] = {}
    for one in fields(examples):
        column = getattr(examples, one.name)
        is_array = isinstance(column, np.ndarray)
        taken[one.name] = column[rows] if is_array else [column[i] for i in rows.tolist()]
    return ExampleColumns(**taken)
