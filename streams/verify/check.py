"""One partition: its log is told again for some people, and compared where their shards stand.

What is stored is read first, with the position of the shard that it belongs to; then the log is
told to just there. Whoever cannot be judged then (a wave of deadlines is only half committed;
somebody is in the log and was not found in the store) is read once more, and the log is told on to
where that is.

If the log no longer reaches back to its first record, nobody can say what W was there, which
numbers sources had sent, nor whether somebody has a past before it. Then only those are checked of
whom everything that is stored happened more than a day after what could have been W there; the
others are counted as not checkable.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from afflux.catalog import Catalog
from afflux.identity import Edges, EdgesError
from afflux.limits import DAY_MS, StepSettings
from afflux.names import AffluxError, Identity
from afflux.oracle.reading import Placed, records_of
from afflux.oracle.sample import Sample
from afflux.oracle.watching import Told, Watching
from afflux.position import Position
from profile_store.evidence import Evidence
from streams.decoding import Decoder
from streams.verify.findings import Difference, Report, differing
from streams.verify.log import Log

_ROUNDS = 8
_ROUND_S = 0.5
"""A worker advances shards without records once a second."""

_AT_ONCE = 250
"""People of a shard that are read in one go, with a position of their own."""

_SILENT_READS = 60
"""So often nothing may come from a log that should have more; a read waits half a second."""

Read = Callable[[int, Sequence[Identity]], tuple[bytes, list[Evidence]]]
"""Stored position of a shard, and what is stored of these people."""


class CannotVerify(AffluxError):
    """The store and the log do not belong together, or were not made by these settings."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What both sides go by. timed_by_rules: audiences may make deadlines earlier."""

    catalog: Catalog
    settings: StepSettings
    partitions: int
    timed_by_rules: bool = False


@dataclass(slots=True)
class _Seen:
    """What was read of one shard."""

    shard: int
    position: Position
    people: list[Evidence] = field(default_factory=list)

    @property
    def offset(self) -> int:
        return self.position.topics[0].offset


@dataclass(frozen=True, slots=True)
class _Open:
    """Somebody who is to be read again: what the log said of them, and where."""

    shard: int
    offset: int
    told: Told


class PartitionCheck:
    """The people of `sample` in one partition.

    read: asks the store. pause: called with the number of records of every read of the log, 0
    where nothing came; what it raises ends the check.
    """

    def __init__(
        self,
        partition: int,
        rules: Rules,
        sample: Sample,
        log: Log,
        decoder: Decoder,
        read: Read,
        pause: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._partition, self._rules, self._log = partition, rules, log
        self._decoder, self._read, self._pause = decoder, read, pause
        self._oracle = Watching(rules.catalog, rules.settings, sample)
        self._records: Iterator[Placed] = iter(())
        self._next: Placed | None = None
        self._at = log.range.start
        self._since: int | None = None
        """Event time after which everything is known, where the log lacks its start."""
        self._silent = 0
        self._asked: set[Identity] = set()
        self._open: dict[Identity, _Open] = {}
        self.report = Report()

    @property
    def shards(self) -> range:
        """Shards of the partition."""
        return range(self._partition, self._rules.settings.shards, self._rules.partitions)

    def run(self, people: Mapping[int, Sequence[Identity]], most: int = 0) -> Report:
        """Compare the people that were found in each shard, and others of the sample in the log.

        most: keep only so many of those in the log, when there are more; 0: all, and what is
        stored is then read before. Raises CannotVerify, StoreUnavailable, BrokerUnavailable.
        """
        if most:
            reached = [one.offset for shard in self.shards if (one := self._see(shard, ()))]
            self._tell(min([*reached, self._log.range.end]), most)
            people = self._watched()
        self._compare([one for s in self.shards for one in self._see_all(s, people.get(s, ()))])
        for left in reversed(range(_ROUNDS)):
            if not self._open:
                break
            self._pause(0)
            time.sleep(_ROUND_S)
            self._again(last=not left)
        self.report.unsettled += len(self._open)
        return self.report

    def _watched(self) -> dict[int, list[Identity]]:
        by_shard: dict[int, list[Identity]] = defaultdict(list)
        for identity in self._oracle.rows:
            by_shard[self._oracle.shard[identity]].append(identity)
        return by_shard

    # --- the store -------------------------------------------------------------------------

    def _see_all(self, shard: int, people: Sequence[Identity]) -> Iterator[_Seen]:
        for first in range(0, max(1, len(people)), _AT_ONCE):
            seen = self._see(shard, people[first : first + _AT_ONCE])
            if seen is not None:
                yield seen

    def _see(self, shard: int, people: Sequence[Identity]) -> _Seen | None:
        data, found = self._read(shard, people)
        self._asked.update(people)
        if not data:
            return None
        position, log = Position.decode(data), self._log.range
        if position.layout != self._rules.catalog.layout:
            raise CannotVerify(
                f"shard {shard} has rows of layout {position.layout:016x}, these settings make "
                f"{self._rules.catalog.layout:016x}: run with the models of the worker"
            )
        at = position.topics[0]
        if at.topic_id != log.topic_id or at.offset < log.start:
            raise CannotVerify(
                f"shard {shard} stands at offset {at.offset} of another log than the one that "
                "is there: see `afflux doctor`"
            )
        return _Seen(shard, position, found)

    def _again(self, last: bool) -> None:
        """Read those who are open, and judge whom the log can be told for.

        last: what is still overdue where the shard has moved on is a difference. Where it stands,
        nobody can say whether a wave is under way, and they stay open.
        """
        by_shard: dict[int, list[Identity]] = defaultdict(list)
        for identity, one in self._open.items():
            by_shard[one.shard].append(identity)
        ready = []
        for shard, people in by_shard.items():
            for seen in self._see_all(shard, people):
                still = [e for e in seen.people if seen.offset == self._open[e.identity].offset]
                for evidence in still:
                    told = self._open.pop(evidence.identity).told
                    self._judge(seen, evidence, told)
                if not still and seen.offset >= self._at:
                    for evidence in seen.people:
                        del self._open[evidence.identity]
                    ready.append(seen)
        self._compare(ready, last)

    # --- the log ---------------------------------------------------------------------------

    def _compare(self, seen: Sequence[_Seen], last: bool = False) -> None:
        """Tell the log to each position in turn, and judge there."""
        for one in sorted(seen, key=lambda s: s.offset):
            if one.offset < self._at:  # told beyond it already: the shard has to come up
                for e in one.people:
                    self._open[e.identity] = _Open(one.shard, -1, self._oracle.told(e.identity))
                continue
            self._tell(one.offset)
            for evidence in one.people:
                self._judge(one, evidence, self._oracle.told(evidence.identity), last)
            self._look_for_lost(one)

    def _look_for_lost(self, seen: _Seen) -> None:
        """People of the sample who are in the log, and were not found in the store."""
        of_shard = [i for i, shard in self._oracle.shard.items() if shard == seen.shard]
        for identity in of_shard:
            if identity not in self._asked and (told := self._oracle.told(identity)).fragment:
                self._open[identity] = _Open(seen.shard, seen.offset, told)

    def _tell(self, offset: int, most: int = 0) -> None:
        """Feed the oracle all records below an offset."""
        while self._at < offset:
            if self._next is None:
                self._next = next(self._records, None)
            if self._next is None:
                if self._log.end >= offset and self._at < self._log.end:
                    self._at = min(offset, self._log.end)
                    continue
                self._fetch()
                if most:
                    self._oracle.keep(most)
                continue
            place, record = self._next
            if place >= offset:
                self._at = offset
                return
            self._oracle.feed(record)
            self._next = None

    def _fetch(self) -> None:
        self._at = max(self._at, self._log.end)
        records = self._log.read()
        self._silent = 0 if records is not None else self._silent + 1
        if self._silent > _SILENT_READS:
            raise CannotVerify(f"the log of partition {self._partition} ends at {self._log.end}")
        if records is None:
            self._pause(0)
            return
        if self._since is None and self._log.range.start > 0:
            skew = self._rules.settings.skew_ms
            self._since = int(records.timestamps[0]) + skew + DAY_MS
        batch, _ = self._decoder.events(records)
        self._records = records_of(batch, self._oracle.sample, self._rules.catalog.types)
        self._at = records.base
        self.report.records += len(records)
        self._pause(len(records))

    # --- the verdict -----------------------------------------------------------------------

    def _judge(self, seen: _Seen, stored: Evidence, told: Told, last: bool = False) -> None:
        at = seen.position.topics[0]
        if not (stored.fragment or told.fragment or stored.edges or stored.interests):
            return  # attributes or memberships alone: nothing that events made
        if not self._knows_all(seen.shard, stored, at.watermark.value):
            self.report.uncheckable += 1
            return
        catalog, by_rules = self._rules.catalog, self._rules.timed_by_rules
        fields = differing(stored, told, catalog, timed_by_rules=by_rules)
        overdue = 0 < stored.deadline < at.watermark.value
        if fields and overdue and not last:
            self._open[stored.identity] = _Open(seen.shard, at.offset, told)
            return
        self.report.checked += 1
        if fields:
            self.report.differences.append(
                Difference(stored.identity, self._partition, seen.shard, at.offset, fields)
            )

    def _knows_all(self, shard: int, stored: Evidence, w: int) -> bool:
        if self._log.range.start == 0:
            return True
        oracle = self._oracle
        if self._since is None or w != oracle.w or oracle.sources.get(shard):
            return False
        if not stored.fragment and not stored.edges:
            return True  # gone, whatever was before
        times = list(_times_of(stored, self._rules.catalog))
        return bool(times) and min(times) > self._since


def _times_of(stored: Evidence, catalog: Catalog) -> Iterator[int]:
    """Event times of everything that is stored of somebody, as far as it says."""
    if len(stored.fragment) == catalog.fragment.itemsize:
        row = np.frombuffer(stored.fragment, catalog.fragment)[0]
        named = ("first_ts", "deleted_at", "consent")
        yield from (abs(int(row[name])) for name in named if row[name])
    try:
        yield from (edge.timestamp for _, edge in Edges.decode(stored.edges or None))
    except EdgesError:
        return
