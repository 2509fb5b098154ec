"""One batch: columns, rows and snapshots in, everything that changes out.

The product in one page: choose the records that count, fold them stage by stage, close what the
batch made due, score, and move the positions.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from afflux import controls, counting, links, openings, serving
from afflux.catalog import Catalog
from afflux.codes import Code
from afflux.columns import I32, I64, Bool, EventColumns
from afflux.controls import Selected
from afflux.counting import Counters
from afflux.fold import admit, fold
from afflux.limits import StepSettings as StepSettings
from afflux.outcome import Batch, Fetched, StepOutcome
from afflux.outcomes import NEVER
from afflux.position import Position, Watermark
from afflux.scoring import Scorer
from afflux.segments import filled, some
from afflux.watermark import Passage, after
from afflux.workspace import Workspace, stretch

_FAR = np.iinfo(np.int64).max

_FEW = 16
"""The places of so few rows are found faster one by one."""

_LATE = int(Code.late)


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

    watermark: W at `batch.base`. Records of other shards, and records below the position of their
    shard, are skipped, but move W. All rows of `fetched` in these shards whose deadline is before
    W at `batch.end` are closed, but none from `close_before` on: a wave that is too large for one
    commit is closed by several steps over an empty batch (base == end).
    """
    work = Workspace(fetched, catalog, settings)
    passage = after(watermark, batch.events, batch.controls, settings)
    chosen = controls.select(
        batch.controls, passage.controls, fetched.identities, positions, batch.topic,
        settings.shards,
    )  # fmt: skip
    counters = Counters(list(positions))
    start = _starts(fetched.shard, positions, batch.topic)
    _fold_stages(work, batch.events, passage, start, chosen, counters)
    _close_due(work, start < _FAR, passage.end, close_before)
    scored = serving.score(work, scorer)
    counters.add_pairs([(s, int(c)) for s, c in chosen.counts])
    counters.add_pairs(counting.rejected(batch, positions))
    return _outcome(work, batch, positions, counters, chosen, passage, scored)


def _starts(shard: I32, positions: Mapping[int, Position], topic: int) -> I64:
    """Per row the first offset that its shard has not folded; far away where it stays."""
    if len(shard) < _FEW:
        at = [positions[s].topics[topic].offset if s in positions else _FAR for s in shard.tolist()]
        return np.array(at, np.int64)
    start = filled(int(max(shard.max(initial=0), *positions, 0)) + 1, _FAR)
    for s, position in positions.items():
        start[s] = position.topics[topic].offset
    return start[shard]


def _fold_stages(
    work: Workspace,
    events: EventColumns,
    passage: Passage,
    start: I64,
    chosen: Selected,
    counters: Counters,
) -> None:
    """Events up to each row's first control record, that record, events up to the next, ..."""
    active = events.offset >= start[events.identity]
    stage = _stages(events, chosen)
    last = max(map(len, chosen.by_row.values()), default=0)
    for i in range(last + 1):
        here = active if stage is None else active & (stage == i)
        _fold_stage(work, events, passage, here.nonzero()[0], counters)
        for row, records in chosen.by_row.items():
            if i < len(records):
                controls.apply(work, row, *records[i])


def _stages(events: EventColumns, chosen: Selected) -> I64 | None:
    """Per event how many control records of its row come before it."""
    if not chosen.by_row:
        return None
    stage = np.zeros(len(events), np.int64)
    for row, records in chosen.by_row.items():
        at = (events.identity == row).nonzero()[0]
        stage[at] = np.searchsorted([c.offset for c, _ in records], events.offset[at])
    return stage


def _fold_stage(
    work: Workspace, events: EventColumns, passage: Passage, index: I64, counters: Counters
) -> None:
    if not len(index):
        return
    s = stretch(events, passage, index)
    codes, admitted = admit(work, s)
    shard = work.fetched.shard[s.row]
    counters.add(shard, codes)
    late = s.ts < s.before
    if some(late):
        late &= codes == int(Code.accepted)
        counters.add(shard[late], filled(int(late.sum()), _LATE))
    if len(events.link_event):
        links.see(work, events, passage, admitted.index)
    fold(work, admitted)


def _close_due(work: Workspace, advancing: Bool, end: Watermark, close_before: int | None) -> None:
    limit = end.value if close_before is None else min(end.value, close_before)
    rows = advancing.nonzero()[0]
    openings.close(work, rows, filled(len(rows), limit))


def _outcome(
    work: Workspace,
    batch: Batch,
    positions: Mapping[int, Position],
    counters: Counters,
    chosen: Selected,
    passage: Passage,
    scored: I32,
) -> StepOutcome:
    ids, last = batch.events.event_ids, work.last_event
    added = counters.by_shard()
    return StepOutcome(
        fragment=work.rows.packed(),
        served=work.served,
        fragment_changed=work.changed,
        served_changed=work.served_changed,
        event_ids={r: ids[i] for r, i in zip(scored.tolist(), last[scored].tolist(), strict=True)},
        scored=scored,
        deleted=np.array(sorted(work.deleted), np.int32),
        deadline=np.where(work.deadline < NEVER, work.deadline, 0),
        deadline_moved=work.deadline != work.was_deadline,
        closed=serving.closed(work),
        edges=work.edges,
        derived=links.addressed(work.derived),
        positions=counting.moved(batch, passage.end, positions, added, chosen),
        counters=added,
    )
