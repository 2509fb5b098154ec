"""Examples of people who were deleted are not learned.

The tombstone is committed before anything of the same step is announced, so an example that was
closed by the very step which folded the delete meets it too. What was learned before stays.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from afflux.columns import Bool
from afflux.examples import ExampleColumns
from afflux.names import EVENTS
from afflux.rows import deleted_at_of
from profile_store.contract import RowRequest, ShardStore


async def without_deleted(store: ShardStore, examples: ExampleColumns) -> ExampleColumns:
    """The examples that were opened after the last delete of their identity.

    One round trip. Raises StoreUnavailable.
    """
    if not len(examples):
        return examples
    rows: dict[int, list[int]] = {}
    for i, shard in enumerate(examples.shard.tolist()):
        rows.setdefault(shard, []).append(i)
    requests = [
        RowRequest(shard, fragments=[(examples.identities[i], EVENTS) for i in at])
        for shard, at in rows.items()
    ]
    keep = np.ones(len(examples), np.bool_)
    for at, reply in zip(rows.values(), await store.read(requests), strict=True):
        deleted = np.array([deleted_at_of(fragment) for fragment in reply.fragments], np.int64)
        keep[at] = (deleted == 0) | (examples.open_ts[at] > deleted)
    return examples if keep.all() else _take(examples, keep)


def _take(examples: ExampleColumns, keep: Bool) -> ExampleColumns:
    rows = keep.nonzero()[0]
    taken: dict[str, Any] = {}
    for one in fields(examples):
        column = getattr(examples, one.name)
        is_array = isinstance(column, np.ndarray)
        taken[one.name] = column[rows] if is_array else [column[i] for i in rows.tolist()]
    return ExampleColumns(**taken)
