"""Spans of several partitions folded together come out as each of them alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import HealthCheck, given, settings

from afflux.oracle.records import Record
from afflux.outcome import Batch, Control, Fetched, Rejected, StepOutcome
from afflux.position import Position
from afflux.shards import murmur2
from afflux.span import Span
from afflux.step import StepSettings, step, step_together
from core_cases import CATALOG, linear_scorer
from core_logs import CUTS, LOGS
from core_replay import Replay, batch_of

SETTINGS = StepSettings(shards=8)
SCORER = linear_scorer()


def shard_of(record: Record) -> int:
    """Where a record counts."""
    if isinstance(record, Rejected):
        return record.shard
    if isinstance(record, Control):
        return record.identity_hash % SETTINGS.shards
    return int(murmur2([record.identity])[0]) % SETTINGS.shards


def of_partition(log: Sequence[Record], number: int) -> list[Record]:
    """Records whose shards belong to one of two partitions."""
    return [r for r in log if shard_of(r) % 2 == number]


def fetched_together(
    parts: Sequence[Fetched], batches: Sequence[Batch]
) -> tuple[Fetched, list[np.ndarray]]:
    """The rows of both: first those of the batches' events. And where each part's rows went."""
    heads = [np.arange(len(b.events.identities)) for b in batches]
    tails = [np.arange(len(h), len(p.identities)) for h, p in zip(heads, parts, strict=True)]
    pieces = [*zip(heads, parts, strict=True), *zip(tails, parts, strict=True)]
    ends = np.cumsum([0, *(len(at) for at, _ in pieces)])
    places = [
        np.concatenate([np.arange(ends[i], ends[i + 1]), np.arange(ends[i + 2], ends[i + 3])])
        for i in range(2)
    ]
    edges = {
        int(place[r]): e
        for place, part in zip(places, parts, strict=True)
        for r, e in part.edges.items()
    }
    interests = {
        int(place[r]): stored
        for place, part in zip(places, parts, strict=True)
        for r, stored in part.interests.items()
    }
    return Fetched(
        [part.identities[i] for at, part in pieces for i in at.tolist()],
        np.concatenate([part.shard[at] for at, part in pieces]),
        np.concatenate([part.fragment[at] for at, part in pieces]),
        np.concatenate([part.served[at] for at, part in pieces]),
        edges,
        due=np.concatenate([part.due[at] for at, part in pieces]),
        interests=interests,
    ), places


def assert_part(together: StepOutcome, place: np.ndarray, alone: StepOutcome) -> None:
    """What came out for the rows of one part."""
    assert together.fragment[place].tobytes() == alone.fragment.tobytes()
    assert together.served[place].tobytes() == alone.served.tobytes()
    for name in ("fragment_changed", "served_changed", "deadline", "deadline_moved"):
        assert getattr(together, name)[place].tolist() == getattr(alone, name).tolist()
    back = {int(p): r for r, p in enumerate(place.tolist())}
    ids = {back[r]: e for r, e in together.event_ids.items() if r in back}
    assert ids == alone.event_ids
    assert {back[r]: e for r, e in together.edges.items() if r in back} == alone.edges
    assert {back[r]: e for r, e in together.interests.items() if r in back} == alone.interests
    assert {back[r] for r in together.deleted.tolist() if r in back} == set(alone.deleted.tolist())
    mine = together.closed[[int(r) in back for r in together.closed["row"]]].copy()
    mine["row"] = [back[int(r)] for r in mine["row"]]
    assert mine.tobytes() == alone.closed.tobytes()
    assert {s: together.positions[s] for s in alone.positions} == alone.positions
    shards = set(alone.positions)
    assert [c for c in together.derived if c.origin and c.origin[0] in shards] == list(
        alone.derived
    )


def touched(batch: Batch) -> set[int]:
    """Shards that have a record in the batch."""
    return {
        *(batch.events.identity_hash % SETTINGS.shards).tolist(),
        *(c.identity_hash % SETTINGS.shards for c in batch.controls),
        *(r.shard for r in batch.rejected),
    }


@settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=60)
@given(LOGS, LOGS, CUTS)
def test_together_is_as_each_alone(
    one: Sequence[Record], two: Sequence[Record], cuts: Sequence[tuple[int, int]]
) -> None:
    """Rows, scores, examples, edges and positions do not depend on what is folded beside."""
    logs = [of_partition(one, 0), of_partition(two, 1)]
    replays = [Replay(CATALOG, SCORER, SETTINGS) for _ in logs]
    base, end = 0, max(one[-1].offset, two[-1].offset) + 1
    sizes = [size for size, _ in cuts]
    turn = 0
    while base < end:
        until = min(base + sizes[turn % len(sizes)], end)
        batches = [
            batch_of([r for r in log if base <= r.offset < until], base, until) for log in logs
        ]
        fold(replays, batches)
        base, turn = until, turn + 1


def fold(replays: Sequence[Replay], batches: Sequence[Batch]) -> None:
    """One step together, compared with one step each, which the replays keep."""
    spans, parts, alone = [], [], []
    positions: dict[int, Position] = {}
    for replay, batch in zip(replays, batches, strict=True):
        moving = {s: replay.positions[s] for s in touched(batch)}
        fetched = replay.fetch(batch, moving)
        spans.append(Span.of(batch, replay.watermark, moving.keys(), SETTINGS))
        parts.append(fetched)
        alone.append(step(batch, replay.watermark, fetched, moving, CATALOG, SCORER, SETTINGS))
        positions |= moving
    fetched, places = fetched_together(parts, batches)
    together = step_together(spans, fetched, positions, CATALOG, SCORER, SETTINGS)
    for place, outcome in zip(places, alone, strict=True):
        assert_part(together, place, outcome)
    for replay, batch, part, outcome in zip(replays, batches, parts, alone, strict=True):
        replay.commit(part, outcome)
        replay.pass_by(batch)
