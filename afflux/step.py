"""One batch: columns, rows and snapshots in, everything that changes out.

The product in one page: choose the records that count, fold them stage by stage, close what the
batch made due, score, and move the positions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from afflux import controls, counting, expiry, links, openings, serving, sources, visits
from afflux.baskets.taken import fold_interests
from afflux.catalog import Catalog
from afflux.codes import Code
from afflux.columns import I32, I64, Bool, EventColumns
from afflux.controls import Selected
from afflux.counting import Counters
from afflux.fold import admit, fold
from afflux.limits import StepSettings as StepSettings
from afflux.outcome import Batch, Fetched, StepOutcome
from afflux.position import Position, Watermark
from afflux.scoring import Scorer
from afflux.segments import filled, some
from afflux.span import Span, all_controls, all_events, all_passages
from afflux.volumes import Volumes
from afflux.watermark import Passage
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
    """Move the shards in `positions` to `batch.end`; watermark: W at `batch.base`.

    As `step_together` with the batch alone.
    """
    span = Span.of(batch, watermark, positions.keys(), settings)
    return step_together([span], fetched, positions, catalog, scorer, settings, close_before)


def step_together(
    spans: Sequence[Span],
    fetched: Fetched,
    positions: Mapping[int, Position],
    catalog: Catalog,
    scorer: Scorer,
    settings: StepSettings,
    close_before: int | None = None,
    events: EventColumns | None = None,
) -> StepOutcome:
    """Move the shards of each span to the end of its batch.

    spans: of different partitions and one topic. Records of other shards, and records below the
    position of their shard, are skipped, but move W. All rows of `fetched` in these shards whose
    deadline is before W at the end of their span are closed, or scored for their silence, but none
    from `close_before` on: a wave that is too large for one commit is handled by several steps over
    an empty batch (base == end). events: `all_events(spans)`, where the caller has them.
    """
    work = Workspace(fetched, catalog, settings)
    work.lifetime = expiry.lifetimes(settings.expiry, fetched.identities)
    topic, passage = spans[0].batch.topic, all_passages(spans)
    events = all_events(spans) if events is None else events
    chosen = controls.select(
        all_controls(spans), passage.controls, fetched.identities, positions, topic,
        settings.shards,
    )  # fmt: skip
    counters, volumes = Counters(list(positions)), Volumes()
    start = _starts(fetched.shard, positions, topic)
    active = events.offset >= start[events.identity]
    repeats = sources.repeats(
        spans, events, fetched.shard, active, positions, settings.expiry.source_ms
    )
    if repeats.again is not None:
        active &= ~repeats.again
        again = fetched.shard[events.identity[repeats.again]]
        counters.add(again, filled(len(again), int(Code.duplicates)))
    _fold_stages(work, events, passage, active, chosen, counters, volumes)
    clock = visits.Clock.of(work, spans, positions, close_before)
    advancing = (start < _FAR).nonzero()[0]
    openings.close(work, advancing, clock.limit[advancing])
    expiry.expire(work, advancing, clock.limit[advancing])
    unscored = visits.unscored(work, clock)
    scored = serving.score(work, scorer, *visits.silent(work, clock))
    timelines = work.timelines.changes(events, work.rows["first_ts"], visits.outlived(work, clock))
    counters.add_pairs([(s, int(c)) for s, c in chosen.counts])
    counters.add_pairs([pair for span in spans for pair in counting.rejected(span, positions)])
    return _outcome(
        work,
        spans,
        events.event_ids,
        positions,
        counters,
        volumes,
        chosen,
        repeats,
        (scored, unscored),
        clock,
        timelines,
    )


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
    active: Bool,
    chosen: Selected,
    counters: Counters,
    volumes: Volumes,
) -> None:
    """Events up to each row's first control record, that record, events up to the next, ..."""
    stage = _stages(events, chosen)
    last = max(map(len, chosen.by_row.values()), default=0)
    for i in range(last + 1):
        here = active if stage is None else active & (stage == i)
        _fold_stage(work, events, passage, here.nonzero()[0], counters, volumes)
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
    work: Workspace,
    events: EventColumns,
    passage: Passage,
    index: I64,
    counters: Counters,
    volumes: Volumes,
) -> None:
    if not len(index):
        return
    for s in expiry.lives(work, stretch(events, passage, index)):
        codes, admitted = admit(work, s)
        shard = work.fetched.shard[s.row]
        counters.add(shard, codes)
        late = s.ts < s.before
        if some(late):
            late &= codes == int(Code.accepted)
            counters.add(shard[late], filled(int(late.sum()), _LATE))
        if len(events.link_event):
            links.see(work, events, passage, admitted.index)
        if len(events.mentions):
            fold_interests(work, events, admitted, work.settings.baskets)
        a = admitted
        work.timelines.add(a.row, a.index, a.ts, a.behind)
        new = a.start & (work.rows["first_ts"][a.row] == 0)
        volumes.add(work.fetched.shard[a.row], a.ts, a.kind, a.amount, new)
        fold(work, admitted)


def _outcome(
    work: Workspace,
    spans: Sequence[Span],
    ids: Sequence[str],
    positions: Mapping[int, Position],
    counters: Counters,
    volumes: Volumes,
    chosen: Selected,
    repeats: sources.Repeats,
    served: tuple[I32, I64],
    clock: visits.Clock,
    timelines: Mapping[int, bytes],
) -> StepOutcome:
    scored, unscored = served
    last, added = work.last_event[scored].tolist(), counters.by_shard()
    deadline, moved = visits.next_visits(work, clock)
    return StepOutcome(
        fragment=work.rows.packed(),
        served=work.served,
        fragment_changed=work.changed,
        served_changed=work.served_changed,
        event_ids={r: ids[i] if i >= 0 else "" for r, i in zip(scored.tolist(), last, strict=True)},
        scored=scored,
        deleted=np.array(sorted(work.deleted), np.int32),
        expired=(work.expired & ~work.changed).nonzero()[0],
        unscored=unscored,
        deadline=deadline,
        deadline_moved=moved,
        closed=serving.closed(work),
        early=serving.early(work),
        edges=work.edges,
        derived=links.addressed(work.derived),
        positions=counting.moved(
            spans, positions, added, chosen, repeats, work.settings.expiry.source_ms
        ),
        counters=added,
        relinked=np.array(sorted(work.relinked), np.int32),
        interests=_interests(work),
        vectors=work.scored_vectors,
        vector_of=work.vector_of,
        volumes=volumes.by_shard(),
        baskets=work.baskets.taken(work.fetched.shard) if work.settings.baskets else None,
        timelines=timelines,
    )


def _interests(work: Workspace) -> Mapping[int, bytes]:
    if work.fetched.interests or work.deleted or some(work.expired):
        return work.interests.changes()
    return {}
