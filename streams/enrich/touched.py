"""Which shards a batch moves."""

from __future__ import annotations

import numpy as np

from afflux.outcome import Batch
from afflux.shards import shard_of
from streams.enrich.partition import OwnedPartition


def touched(part: OwnedPartition, batch: Batch, shards: int, *, ask: bool) -> list[int]:
    """Shards of this partition that have a record in the batch that they have not folded.

    ask: also those in which a tick makes something due, since audiences are asked.
    """
    events = batch.events
    found = set(shard_of(events.identity_hash[events.identity], shards).tolist())
    if batch.controls:
        hashes = [c.identity_hash for c in batch.controls if c.identity is not None]
        found.update(shard_of(np.array(hashes, np.uint32), shards).tolist())
        ticks = [c.timestamp for c in batch.controls if c.identity is None]
        if ticks:
            found.add(part.number)  # ticks count in the partition's first shard
        if ticks and ask:
            # What they make due is not left to the next second.
            found.update(s for s in part.shards if part.may_be_due(s, max(ticks)))
    found.update(r.shard for r in batch.rejected)
    return [s for s in part.shards if s in found and part.positions[s].topics[0].offset < batch.end]
