"""The oracle: a partition's log, one record at a time, in plain Python.

It says what rows, counters, positions, edges, deadlines and labelled examples must be, whatever
batches the log is cut into. It shares constants and the table of powers with the core, no code.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from afflux.catalog import Catalog
from afflux.codes import Code
from afflux.columns import Kind
from afflux.limits import StepSettings
from afflux.names import Identity
from afflux.oracle.interests import Interests
from afflux.oracle.records import Closed, Early, EdgeState, Event, Record, named_types
from afflux.oracle.row import DAY, MOST, Row, Slot
from afflux.oracle.timeline import Timeline, entry_of
from afflux.outcome import Control
from afflux.outcomes import ModelSpec
from afflux.position import NONE_MS, Watermark


class Oracle:
    """All state of one partition."""

    def __init__(self, catalog: Catalog, settings: StepSettings) -> None:
        self.catalog = catalog
        self.settings = settings
        self.types = named_types(catalog)
        self.rows: dict[Identity, Row] = {}
        self.edges: dict[Identity, dict[Identity, EdgeState]] = defaultdict(dict)
        self.interests: dict[Identity, Interests] = defaultdict(
            lambda: Interests(settings.interests)
        )
        self.timelines: dict[Identity, Timeline] = defaultdict(lambda: Timeline(settings.timelines))
        self.counters: dict[int, list[int]] = defaultdict(lambda: [0] * 32)
        self.origins: dict[int, dict[int, tuple[int, int]]] = defaultdict(dict)
        self.sources: dict[int, dict[tuple[bytes, int], tuple[int, int]]] = defaultdict(dict)
        self.clock: dict[int, int] = {}
        self.closed: dict[int, list[Closed]] = defaultdict(list)
        self.early: dict[int, list[Early]] = defaultdict(list)
        self.derived: list[Control] = []
        self.shard: dict[Identity, int] = {}
        self.w = NONE_MS
        self.pending = NONE_MS
        self.witness = 0

    @property
    def watermark(self) -> Watermark:
        """W after the last record."""
        return Watermark(self.w, self.pending, self.witness)

    def feed(self, record: Record) -> None:
        """Fold one record, then close what it made due, in every shard."""
        known = {shard: len(closed) for shard, closed in self.closed.items()}
        if isinstance(record, Event):
            self._event(record)
        elif isinstance(record, Control):
            self._control(record)
        else:
            self.counters[record.shard][record.code] += 1
        for identity in sorted(self.rows):
            self._pass_time(identity, self.w)
        for shard, closed in self.closed.items():
            first = known.get(shard, 0)
            closed[first:] = sorted(closed[first:], key=lambda c: c.key)

    def deadline(self, identity: Identity) -> int:
        """When the row is to be looked at next, 0 never."""
        ends = self._visit(identity), self._expires(identity), self._unscored(identity)
        old = self._outlives(identity)
        return min(filter(None, (*ends, old if old >= self.w else 0)), default=0)

    def _outlives(self, identity: Identity) -> int:
        """When even the last event of its timeline is too old, 0 never."""
        rules, last = self.settings.timelines, self.rows[identity].last_ts
        return last + rules.lifetime_ms if rules.events and rules.lifetime_ms and last else 0

    def _unscored(self, identity: Identity) -> int:
        """When the scores of the row are forgotten, if that lies ahead, 0 never."""
        row, life = self.rows[identity], self.settings.expiry.score_ms
        gone = row.last_ts + life
        return gone if life and row.last_ts and not any(row.slots) and gone >= self.w else 0

    def _expires(self, identity: Identity) -> int:
        """When the row is forgotten, 0 never."""
        row, rule = self.rows[identity], self.settings.expiry
        short = identity.split(b":")[0].decode() in rule.pseudonymous
        lives = [rule.profile_ms, rule.pseudonymous_ms if short else 0]
        life = min(filter(None, lives), default=0)
        stays = row.links or row.deleted_at or row.consent or not row.last_ts or any(row.slots)
        return row.last_ts + life if life and not stays else 0

    def _pass_time(self, identity: Identity, w: int) -> None:
        self._close(identity, w)
        if 0 < self._expires(identity) < w:
            self.rows[identity] = self._new_row()
            self.interests.pop(identity, None)
            self.timelines.pop(identity, None)
        if 0 < self._outlives(identity) < w:
            self.timelines.pop(identity, None)

    def _visit(self, identity: Identity) -> int:
        row = self.rows[identity]
        closing = min((self._due(s, m) for s in row.slots if s for m in s.models), default=0)
        age = self.settings.silence.first_ms
        while row.last_ts and 0 < age <= self.settings.silence.last_ms:
            begins = row.last_ts + age
            if begins >= self.w:
                return closing if closing and closing < begins + age else begins
            age *= 2
        return closing

    def _row(self, identity: Identity, identity_hash: int) -> Row:
        self.shard[identity] = identity_hash % self.settings.shards
        return self.rows.setdefault(identity, self._new_row())

    def _new_row(self, last_offset: int = -1, deleted_at: int = 0) -> Row:
        slots: list[Slot | None] = [None] * self.catalog.openings.slots
        none = dict.fromkeys(self.types, 0)
        return Row(
            len(self.catalog.models), last_offset, deleted_at, slots=slots, type_count={**none},
            type_last={**none},
        )  # fmt: skip

    def _event(self, e: Event) -> None:
        before = self.w
        self._move(min(e.timestamp, e.append_time + self.settings.skew_ms), e.identity_hash)
        row = self._row(e.identity, e.identity_hash)
        count = self.counters[self.shard[e.identity]]
        if e.number and not self._is_new(self.shard[e.identity], e.append_time, e.number):
            count[Code.duplicates] += 1
            return
        if row.deleted_at and e.timestamp <= row.deleted_at:
            count[Code.deleted_identity] += 1
            return
        if row.knows(e.id_hash):
            count[Code.duplicates] += 1
            return
        count[Code.accepted] += 1
        count[Code.late] += e.timestamp < before
        self._close(e.identity, before)
        self._see_links(e, row, before)
        self._count(row, e, before)
        if e.mentions:
            self.interests[e.identity].fold(e.offset, e.timestamp, e.kind, e.mentions)
        entry = entry_of(
            e.offset, e.timestamp, e.event_id, e.event_type, e.amount, e.quantity, e.mentions
        )
        self.timelines[e.identity].add(e.timestamp, entry, self.w)
        row.fold(e.timestamp, e.kind, e.amount, e.quantity, e.id_hash, e.event_type)
        row.last_offset = e.offset
        self._open(row, e, before)

    def _is_new(self, shard: int, append_time: int, number: tuple[bytes, int, int]) -> bool:
        """Whether the source has not sent this number, or a later one, to the shard before."""
        source, partition, at = number
        known, lifetime = self.sources[shard], self.settings.expiry.source_ms
        now = self.clock[shard] = max(self.clock.get(shard, append_time), append_time)
        for one, (_, seen) in list(known.items()):
            if lifetime and now - seen > lifetime:
                del known[one]
        last = known.get((source, partition), (-1, 0))[0]
        known[source, partition] = (max(last, at), now)
        return at > last

    def _count(self, row: Row, e: Event, before: int) -> None:
        for slot in sorted(filter(None, row.slots), key=lambda s: s.offset):
            for m in sorted(slot.models):
                outcome = self.catalog.models[m].outcome
                inside = slot.ts < e.timestamp <= slot.ts + outcome.window_ms
                if not inside or not e.is_one_of(outcome.kinds):
                    continue
                if slot.progress[m] == 0:
                    self._learn_early(e, slot, m, before, happened=True)
                if outcome.form == "will_all":
                    came = [w for w in outcome.kinds if e.is_one_of([w])]
                    slot.progress[m] = float(int(slot.progress[m]) | self._bits(came))
                else:
                    slot.progress[m] += min(e.amount, MOST) if outcome.form == "amount" else 1.0

    def _bits(self, asked: Iterable[Kind | str]) -> int:
        """A bit for each kind, and behind those for each named type."""
        places = [8 + self.types.index(w) if type(w) is str else int(w) for w in asked]
        return sum({1 << place for place in places})

    def _eligible(self, row: Row, spec: ModelSpec, at: int) -> bool:
        who = [spec.eligible, *spec.excluded]
        holds = [row.did(e.channel, e.at_least, at - e.within_ms if e.within_ms else 0)
                 for e in who]  # fmt: skip
        return holds[0] and not any(holds[1:])

    def _learn_early(self, e: Event, slot: Slot, m: int, before: int, happened: bool) -> None:
        spec = self.catalog.models[m]
        if spec.early:
            label = float(happened if spec.outcome.form == "will" else not happened)
            self.early[self.shard[e.identity]].append(
                Early(
                    before, e.offset, e.identity, spec.name, slot.ts, slot.offset,
                    self._due(slot, m), slot.vector, label,
                )
            )  # fmt: skip

    def _open(self, row: Row, e: Event, before: int) -> None:
        late = e.timestamp < row.last_ts
        rule = self.catalog.openings
        early = row.last_open and e.timestamp < row.last_open + rule.gap_ms
        opens = not rule.kinds or e.is_one_of(rule.kinds)
        free = [i for i, s in enumerate(row.slots) if s is None]
        models = {
            m
            for m, spec in enumerate(self.catalog.models)
            if self._eligible(row, spec, e.timestamp)
            and e.timestamp + spec.outcome.window_ms + spec.outcome.lateness_ms > self.w
        }
        if opens and not late and not early and free and models and row.consent <= 0:
            progress = [0.0] * len(self.catalog.models)
            vector = row.vector(e.timestamp)
            slot = Slot(e.timestamp, e.offset, models, progress, vector)
            row.slots[free[0]], row.last_open = slot, e.timestamp
            for m in sorted(models):
                self._learn_early(e, slot, m, before, happened=False)

    def _due(self, slot: Slot, m: int) -> int:
        outcome = self.catalog.models[m].outcome
        return slot.ts + outcome.window_ms + outcome.lateness_ms

    def _close(self, identity: Identity, w: int) -> None:
        row = self.rows[identity]
        for i, slot in enumerate(row.slots):
            if slot is None:
                continue
            for m in sorted(slot.models):
                if self._due(slot, m) < w:
                    slot.models.remove(m)
                    self._emit(identity, row, slot, m)
            if not slot.models:
                row.slots[i] = None

    def _emit(self, identity: Identity, row: Row, slot: Slot, m: int) -> None:
        spec = self.catalog.models[m]
        happened = slot.progress[m] > 0
        label = {
            "will": float(happened),
            "will_all": float(slot.progress[m] == self._bits(spec.outcome.kinds)),
            "will_not": float(not happened),
            "amount": slot.progress[m],
            "count": slot.progress[m],
        }[spec.outcome.form]
        uncertain = row.links > 0 and row.linked_at <= self._due(slot, m)
        self.closed[self.shard[identity]].append(
            Closed(
                self._due(slot, m), identity, spec.name, slot.ts, slot.offset, slot.vector,
                label, int(uncertain),
            )
        )  # fmt: skip

    def _see_links(self, e: Event, row: Row, before: int) -> None:
        rank = 0
        for other in e.links:
            old = self.edges[e.identity].get(other)
            fresh = old and old[2] and e.timestamp < old[0] + self.settings.edge_refresh_ms
            if other == e.identity or fresh:
                continue
            if self._put(e.identity, row, other, (e.timestamp, e.event_id, True), before):
                self._derive("edge", e.identity, other, e, e.event_id, rank)
                rank += 1

    def _put(
        self, identity: Identity, row: Row, other: Identity, edge: EdgeState, before: int
    ) -> bool:
        edges = self.edges[identity]
        old = edges.get(other)
        if old and (edge[0], edge[1], not edge[2]) <= (old[0], old[1], not old[2]):
            return False
        edges[other] = edge
        self._count_links(edges, row, before)
        return True

    @staticmethod
    def _count_links(edges: dict[Identity, EdgeState], row: Row, before: int) -> None:
        live = sum(e[2] for e in edges.values())
        if not live:
            row.linked_at = 0
        elif not row.links:
            row.linked_at = before
        row.links = live

    def _derive(
        self,
        kind: str,
        identity: Identity,
        other: Identity,
        source: Event | Control,
        event_id: str,
        rank: int,
    ) -> None:
        origin = (self.shard[identity], source.offset, rank)
        self.derived.append(
            Control(
                kind, source.offset, source.timestamp, source.append_time, other, 0, identity,
                event_id, origin,
            )
        )  # fmt: skip

    def _control(self, c: Control) -> None:
        shard = c.identity_hash % self.settings.shards
        if c.origin is not None:
            source, *at = c.origin
            if tuple(at) <= self.origins[shard].get(source, (-1, -1)):
                self.counters[shard][Code.duplicates] += 1
                return
            self.origins[shard][source] = (at[0], at[1])
        self.counters[shard][Code.control] += 1
        if c.identity is not None:
            self._person(c)
        elif self.w != NONE_MS:
            self.w = max(self.w, min(c.timestamp, c.append_time + self.settings.skew_ms))
            self._forget_pending()

    def _person(self, c: Control) -> None:
        assert c.identity is not None
        self._close_and_apply(c, self._row(c.identity, c.identity_hash))

    def _close_and_apply(self, c: Control, row: Row) -> None:
        assert c.identity is not None
        self._close(c.identity, self.w)
        if c.kind in ("opt_out", "opt_in"):
            self._consent(c, row)
        elif c.timestamp <= row.deleted_at:
            if c.kind == "edge" and c.other is not None:
                self._tell_to_forget(c, row.deleted_at, [c.other])
        elif c.kind == "delete":
            new = self._new_row(c.offset, max(c.timestamp, row.last_ts))
            new.consent = row.consent
            self.rows[c.identity] = new
            self.interests.pop(c.identity, None)
            self.timelines.pop(c.identity, None)
            self._tell_to_forget(c, new.deleted_at, sorted(self.edges.pop(c.identity, {})))
        elif c.kind == "forget" and c.other is not None:
            self._forget(c, c.identity, c.other, row)
        elif c.other is not None:
            edge = (c.timestamp, c.event_id, c.kind == "edge")
            if self._put(c.identity, row, c.other, edge, self.w):
                row.last_offset = c.offset
                if c.origin is None:
                    self._derive(c.kind, c.identity, c.other, c, c.event_id, 0)

    def _consent(self, c: Control, row: Row) -> None:
        out = c.kind == "opt_out"
        if (c.timestamp, out) <= (abs(row.consent), row.consent > 0):
            return
        row.consent = c.timestamp if out else -c.timestamp
        row.last_offset = c.offset
        if out:
            row.slots = [None] * len(row.slots)

    def _forget(self, c: Control, identity: Identity, other: Identity, row: Row) -> None:
        edges = self.edges[identity]
        if other not in edges or edges[other][0] > c.timestamp:
            return
        del edges[other]
        self._count_links(edges, row, self.w)
        row.last_offset = c.offset

    def _tell_to_forget(self, c: Control, deleted_at: int, others: Sequence[Identity]) -> None:
        assert c.identity is not None
        source = replace(c, timestamp=deleted_at)
        for rank, other in enumerate(others):
            self._derive("forget", c.identity, other, source, c.event_id, rank)

    def _move(self, time: int, who: int) -> None:
        if self.w == NONE_MS or self.w < time <= self.w + DAY:
            self.w = time
        elif time > self.w:
            if self.pending != NONE_MS and who != self.witness:
                self.w = min(self.pending, time)
            if time > self.pending:
                self.pending, self.witness = time, who
        self._forget_pending()

    def _forget_pending(self) -> None:
        if self.pending != NONE_MS and self.pending <= self.w + DAY:
            self.pending, self.witness = NONE_MS, 0
