"""Volumes of the step: each accepted event counts once, on its day, whatever the batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import cycle

from hypothesis import HealthCheck, given, settings

from afflux.codes import Code
from afflux.columns import Kind
from afflux.limits import DAY_MS
from afflux.oracle.records import Event, Record
from afflux.step import StepSettings
from afflux.volumes import NEW_PEOPLE, UNITS
from core_cases import CATALOG, linear_scorer
from core_logs import CUTS, LOGS
from core_replay import Replay

SETTINGS = StepSettings(shards=8)
Cell = tuple[int, int, int]


def replayed(log: Sequence[Record], cuts: Sequence[tuple[int, int]]) -> Replay:
    """The log folded in batches of so many offsets."""
    replay, base, end = Replay(CATALOG, linear_scorer(), SETTINGS), 0, log[-1].offset + 1
    for size, lagging in cycle(cuts):
        if base >= end:
            return replay
        replay.advance(log, base, min(base + size, end), lagging)
        base += size
    return replay


def counted(replay: Replay) -> tuple[Counter[Cell], Counter[Cell]]:
    """Events and money by (shard, day, segment)."""
    events: Counter[Cell] = Counter()
    money: Counter[Cell] = Counter()
    for out in replay.outcomes:
        for shard, volumes in out.volumes.items():
            for one in volumes:
                events[(shard, one.day, one.segment)] += one.events
                money[(shard, one.day, one.segment)] += one.units
    return events, money


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(log=LOGS, cuts=CUTS)
def test_counts_do_not_depend_on_the_batches(
    log: Sequence[Record], cuts: Sequence[tuple[int, int]]
) -> None:
    """Any cutting gives the counts of one record at a time, as many as were accepted."""
    if not log:
        return
    replay, one_by_one = replayed(log, cuts), replayed(log, [(1, 0)])
    events, money = counted(replay)
    assert (events, money) == counted(one_by_one)
    accepted: Counter[int] = Counter()
    for (shard, _, segment), n in events.items():
        accepted[shard] += n if segment != NEW_PEOPLE else 0
    wanted = {s: p.counters[Code.accepted] for s, p in replay.positions.items()}
    assert accepted == Counter(wanted)
    known = Counter((r.timestamp // DAY_MS, int(r.kind)) for r in log if isinstance(r, Event))
    for (_, day, segment), _n in events.items():
        assert segment == NEW_PEOPLE or known[(day, segment)] > 0
    most = Counter[int]()
    for r in log:
        if isinstance(r, Event) and r.kind == Kind.PURCHASE:
            most[r.timestamp // DAY_MS] += round(min(r.amount, 1e9) * UNITS)
    for day in {day for _, day, _ in money}:
        total = sum(n for (_, d, s), n in money.items() if d == day and s != NEW_PEOPLE)
        assert 0 <= total <= most[day] + len(log)
