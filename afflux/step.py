"""One batch: columns, rows and snapshots in, everything that changes out.

The product in one page: drop duplicates, close what is due, fold, open, close what the batch
made due, score.
"""

from __future__ import annotations

from collections.abc import Mapping

from afflux.catalog import Catalog
from afflux.limits import StepSettings as StepSettings
from afflux.outcome import Batch, Fetched, StepOutcome
from afflux.position import Position, Watermark
from afflux.scoring import Scorer


def step(
    batch: Batch,
    watermark: Watermark,
    fetched: Fetched,
    positions: Mapping[int, Position],
    catalog: Catalog,
    scorer: Scorer,
    settings: StepSettings,
    close_before: int | None = None,
) -> StepOutcome:
    """Move the shards in `positions` to `batch.end`.

    watermark: W at `batch.base`. Records of other shards, and records below the position of
    their shard, are skipped, but move W. All rows of `fetched` in these shards whose deadline is
    before W at `batch.end` are closed, but none from `close_before` on: a wave that is too large
    for one commit is closed by several steps over an empty batch (base == end).
    """
    raise NotImplementedError
