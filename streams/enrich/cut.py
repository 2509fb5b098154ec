"""A part of a batch, cut at offsets."""

from __future__ import annotations

import numpy as np

from afflux.outcome import Batch


def cut(batch: Batch, base: int, end: int) -> Batch:
    """The records of `batch` in [base, end); identities keep their index."""
    if base <= batch.base and end >= batch.end:
        return batch
    first, last = np.searchsorted(batch.events.offset, [base, end])
    return Batch(
        topic=batch.topic,
        base=max(base, batch.base),
        end=min(end, batch.end),
        events=batch.events.take(np.arange(first, last)),
        controls=[c for c in batch.controls if base <= c.offset < end],
        rejected=[r for r in batch.rejected if base <= r.offset < end],
        numbered=None if batch.numbered is None else batch.numbered.between(base, end),
    )
