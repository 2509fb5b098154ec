"""Records that their source has numbered: what a shard has folded of it, it folds once.

A source (a file that is ingested, an archive that is replayed) numbers its records in ascending
order, and sends them again in the same order if it has to. So the last number of each (source,
partition of the source) says what a shard has seen, as `origins` do for derived control records.
It stands in the position of the shard: it moves with the rows or not at all.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from afflux.columns import I32, I64, Bool, EventColumns
from afflux.numbered import Numbered
from afflux.position import Position, Sources
from afflux.span import Span

MOST = 512
"""Sources that a shard remembers; a new one takes the place of the one that was silent longest."""


@dataclass(slots=True)
class Repeats:
    """Numbered records of a step.

    again: per event, whether its shard has folded it before; None where no record has a number.
    moved: shard -> its sources after the step, where they moved.
    """

    again: Bool | None = None
    moved: dict[int, Sources] = field(default_factory=dict)


def repeats(
    spans: Sequence[Span],
    events: EventColumns,
    shard: I32,
    active: Bool,
    positions: Mapping[int, Position],
    lifetime_ms: int,
) -> Repeats:
    """Which events of the spans were folded before, by their numbers.

    events: `all_events(spans)`. shard: of each identity of them. active: of each event; only active
    ones count, and move the numbers. lifetime_ms: after so long a silent source is forgotten, by
    the append times of numbered records; 0: never.
    """
    found = Repeats()
    if all(span.batch.numbered is None for span in spans):
        return found
    again = found.again = np.zeros(len(active), np.bool_)
    of_event, start = shard[events.identity], 0
    for span in spans:
        end = start + len(span.batch.events)
        part = slice(start, end)
        if span.batch.numbered is not None and end > start:
            _of_span(
                span.batch.events, span.batch.numbered, of_event[part], active[part], again[part],
                positions, lifetime_ms, found.moved,
            )  # fmt: skip
        start = end
    return found


def _of_span(
    events: EventColumns,
    numbered: Numbered,
    shard: I32,
    active: Bool,
    again: Bool,
    positions: Mapping[int, Position],
    lifetime_ms: int,
    moved: dict[int, Sources],
) -> None:
    place = np.searchsorted(numbered.offset, events.offset)
    place[place == len(numbered.offset)] = 0
    index = (active & (numbered.offset[place] == events.offset)).nonzero()[0]
    index = index[np.argsort(shard[index], kind="stable")]
    of, source = shard[index], numbered.source[place[index]]
    number, times = numbered.number[place[index]], events.append_time[index]
    cuts = ((np.diff(of) != 0) | (np.diff(source) != 0)).nonzero()[0] + 1
    bounds = [0, *cuts.tolist(), len(index)] if len(index) else []
    for a, b in itertools.pairwise(bounds):
        at = int(of[a])
        if at not in moved:
            moved[at] = dict(positions[at].sources)
        name = numbered.names[source[a]]
        again[index[a:b]] = _see(moved[at], name, number[a:b], times[a:b], lifetime_ms)


def _see(
    known: Sources, name: tuple[bytes, int], number: I64, times: I64, lifetime_ms: int
) -> Bool:
    """Records of one source, one after another: which of them are not new. Moves its number.

    The clock of a shard is the latest append time of its numbered records.
    """
    before = max((seen for _, seen in known.values()), default=int(times[0]))
    clock = np.maximum.accumulate(np.append(before, times))
    last, seen = known.get(name, (-1, before))
    if lifetime_ms and clock[1] - seen > lifetime_ms:
        last = -1
    jumps = (np.diff(clock[1:]) > lifetime_ms).nonzero()[0] + 1 if lifetime_ms else ()
    again = np.zeros(len(number), np.bool_)
    for a, b in itertools.pairwise([0, *map(int, jumps), len(number)]):
        highest = np.maximum.accumulate(np.append(last if a == 0 else -1, number[a:b]))
        again[a:b] = number[a:b] <= highest[:-1]
    if name not in known and len(known) >= MOST:
        del known[min(known, key=lambda one: (known[one][1], one))]
    known[name] = int(highest[-1]), int(clock[-1])
    return again


def kept(sources: Sources, lifetime_ms: int) -> Sources:
    """Without those that are forgotten.

    >>> kept({(b"a" * 16, 0): (7, 100), (b"b" * 16, 0): (9, 900)}, 500)
    {(b'bbbbbbbbbbbbbbbb', 0): (9, 900)}
    """
    if not lifetime_ms or not sources:
        return sources
    now = max(seen for _, seen in sources.values())
    return {name: one for name, one in sources.items() if now - one[1] <= lifetime_ms}
