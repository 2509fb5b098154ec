"""The oracle for some of the people of a partition: the others only move W.

What somebody's row is depends on their own records, and on W before and after each of them. So a
log of millions is told for a hundred people in a hundred rows. The passing of time is caught up
with when somebody is looked at: closing and expiry go by W alone, and nothing happens to the row in
between.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from afflux.catalog import Catalog
from afflux.limits import StepSettings
from afflux.names import Identity
from afflux.oracle.partition import Oracle
from afflux.oracle.records import EdgeState, Event, Record
from afflux.oracle.row import Row, Slot
from afflux.oracle.sample import Sample, place
from afflux.outcome import Control


class Passing(NamedTuple):
    """An event of somebody who is not watched: what it does to W, and to what a shard knows."""

    timestamp: int
    append_time: int
    identity_hash: int
    number: tuple[bytes, int, int] | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """What the log says of one identity; the fields are as they are stored, b"" for nothing."""

    fragment: bytes
    edges: dict[Identity, EdgeState]
    interests: bytes
    deadline: int


class Watching(Oracle):
    """An `Oracle` of a sample; examples and derived records are not kept."""

    def __init__(self, catalog: Catalog, settings: StepSettings, sample: Sample) -> None:
        super().__init__(catalog, settings)
        self.sample = sample
        self.hashes: dict[Identity, int] = {}
        """murmur2 of everybody who has a row."""
        self._blank = catalog.new_fragments(1).tobytes()

    def feed(self, record: Record | Passing) -> None:
        """Take in one record."""
        if isinstance(record, Passing):
            skew = self.settings.skew_ms
            self._move(min(record.timestamp, record.append_time + skew), record.identity_hash)
            if record.number:  # what a shard knows of its sources is of all its people
                shard = record.identity_hash % self.settings.shards
                self._is_new(shard, record.append_time, record.number)
        elif isinstance(record, Event):
            if record.identity in self.rows:
                self._pass_time(record.identity, self.w)
            self._event(record)
        elif isinstance(record, Control):
            self._control(record)

    def told(self, identity: Identity) -> Told:
        """The state after the last record that was fed."""
        if identity not in self.rows:
            return Told(b"", {}, b"", 0)
        self._pass_time(identity, self.w)
        fragment = self.rows[identity].encode(self.catalog)
        known = self.interests.get(identity)
        return Told(
            b"" if fragment == self._blank else fragment,
            dict(self.edges.get(identity, {})),
            b"" if known is None else known.encode(),
            self.deadline(identity),
        )

    def keep(self, most: int) -> None:
        """Watch at most so many: the bound of the sample is lowered until they are that few."""
        seed = self.sample.seed
        while len(self.rows) > most and self.sample.below:
            # In a partition only shards of one remainder occur; places are mixed, so half stay.
            self.sample.below //= 2
            gone = [i for i in self.rows if place(self.hashes[i], seed) >= self.sample.below]
            for identity in gone:
                for known in (
                    self.rows, self.edges, self.interests, self.timelines, self.shard, self.hashes,
                ):  # fmt: skip
                    known.pop(identity, None)

    def _row(self, identity: Identity, identity_hash: int) -> Row:
        self.hashes[identity] = identity_hash
        return super()._row(identity, identity_hash)

    def _person(self, c: Control) -> None:
        if c.identity is not None and self.sample.has(c.identity, c.identity_hash):
            if c.identity in self.rows:
                self._pass_time(c.identity, self.w)
            super()._person(c)

    def _emit(self, identity: Identity, row: Row, slot: Slot, m: int) -> None:
        """Labels are not looked at."""

    def _learn_early(self, e: Event, slot: Slot, m: int, before: int, happened: bool) -> None:
        """Nor is what is learned early."""

    def _derive(
        self,
        kind: str,
        identity: Identity,
        other: Identity,
        source: Event | Control,
        event_id: str,
        rank: int,
    ) -> None:
        """Nor what others are told."""
