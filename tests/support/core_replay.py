"""Replays a log through the step, cut at will, over a store of dicts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from afflux.catalog import Catalog
from afflux.columns import EventColumns
from afflux.event_types import BUILT_IN, EventTypes
from afflux.identity import Edges
from afflux.interests.rules import interested
from afflux.mentions import MENTION, NO_MENTIONS, Mentions
from afflux.names import Identity
from afflux.numbered import Numbered
from afflux.oracle.interests import Mention
from afflux.oracle.records import Closed, Early, Event, Record
from afflux.outcome import Batch, Control, Fetched, Rejected, StepOutcome
from afflux.position import Position, TopicPosition, Watermark
from afflux.scoring import Scorer
from afflux.shards import murmur2
from afflux.step import StepSettings, step
from afflux.timeline.growth import Growth
from afflux.watermark import after


class Replay:
    """What the shell and the store do around the step, without either."""

    def __init__(self, catalog: Catalog, scorer: Scorer, settings: StepSettings) -> None:
        self.catalog, self.scorer, self.settings = catalog, scorer, settings
        self.fragments: dict[Identity, bytes] = {}
        self.served: dict[Identity, bytes] = {}
        self.edges: dict[Identity, bytes] = {}
        self.interests: dict[Identity, bytes] = {}
        self.timelines: dict[Identity, tuple[bytes, ...]] = {}
        self.deadlines: dict[Identity, int] = {}
        self.closed: dict[int, list[Closed]] = defaultdict(list)
        self.early: dict[int, list[Early]] = defaultdict(list)
        self.derived: list[Control] = []
        self.vectors: dict[tuple[Identity, int], set[bytes]] = defaultdict(set)
        """(identity, offset of the opening) -> all vectors that it was ever seen with."""
        self.served_at: dict[tuple[Identity, int, str], set[tuple[float, int]]] = defaultdict(set)
        """(identity, offset of the opening, model) -> all (value, version) it was seen with."""
        self.outcomes: list[StepOutcome] = []
        topic = TopicPosition(b"t" * 16, 0)
        self.positions = {s: Position(catalog.layout, (topic,)) for s in range(settings.shards)}
        self.watermark = Watermark()
        self.reverse_extra_rows = False

    def advance(self, records: Sequence[Record], base: int, end: int, lagging: int = 0) -> None:
        """Fold [base, end). `lagging` > 1: every such shard comes in a second step only."""
        here = [r for r in records if base <= r.offset < end]
        batch = batch_of(here, base, end, self.catalog.types)
        touched = set((batch.events.identity_hash % self.settings.shards).tolist())
        touched.update(c.identity_hash % self.settings.shards for c in batch.controls)
        touched.update(r.shard for r in batch.rejected)
        if lagging > 1:
            first = {s for s in touched if s % lagging}
            if first:
                self.step(batch, first)
        if touched:
            self.step(batch, touched)
        self.pass_by(batch)

    def pass_by(self, batch: Batch) -> None:
        """W is now that of the end of the batch."""
        self.watermark = self._after(batch)

    def finish(self, end: int) -> None:
        """Advance all shards to the end of the log."""
        self.step(batch_of([], end, end), set(range(self.settings.shards)))

    def step(self, batch: Batch, shards: Iterable[int], close_before: int | None = None) -> None:
        """One step and its commit."""
        moving = {s: self.positions[s] for s in shards}
        fetched = self.fetch(batch, moving)
        out = step(
            batch, self.watermark, fetched, moving, self.catalog, self.scorer, self.settings,
            close_before,
        )  # fmt: skip
        self.commit(fetched, out)

    def _after(self, batch: Batch) -> Watermark:
        return after(self.watermark, batch.events, batch.controls, self.settings).end

    def fetch(self, batch: Batch, moving: dict[int, Position]) -> Fetched:
        """What the store holds of the rows that a step of these shards needs."""
        until = self._after(batch).value
        named = [*batch.events.identities, *(c.identity for c in batch.controls if c.identity)]
        shard = {i: self._shard(i) for i in [*named, *self.deadlines]}
        due = [i for i, d in self.deadlines.items() if d < until and shard[i] in moving]
        if self.reverse_extra_rows:
            controlled, due = named[len(batch.events.identities) :][::-1], due[::-1]
            named = [*batch.events.identities, *due, *controlled]
        identities = list(dict.fromkeys([*named, *due]))
        stored = [self.fragments.get(i) if shard[i] in moving else None for i in identities]
        served = [self.served.get(i) if shard[i] in moving else None for i in identities]
        return Fetched(
            identities=identities,
            shard=np.array([shard[i] for i in identities], np.int32),
            fragment=self.catalog.decode_fragments(stored),
            served=self.catalog.decode_served(served)[0],
            edges={
                r: Edges.decode(self.edges[i]) for r, i in enumerate(identities) if i in self.edges
            },
            due=np.array([self.deadlines[i] if i in due else 0 for i in identities], np.int64),
            interests={
                r: self.interests.get(identities[r])
                for r in interested(batch.events)
                if shard[identities[r]] in moving
            },
        )

    def _shard(self, identity: Identity) -> int:
        return int(murmur2([identity])[0]) % self.settings.shards

    def commit(self, fetched: Fetched, out: StepOutcome) -> None:
        """Keep what came out."""
        rows = self.catalog.encode_rows(out.fragment)
        served = self.catalog.encode_rows(out.served)
        for r, identity in enumerate(fetched.identities):
            if out.fragment_changed[r]:
                self.fragments[identity] = rows[r]
            elif r not in set(out.expired.tolist()):
                assert rows[r] == fetched.fragment[r].tobytes()
            if out.served_changed[r]:
                self.served[identity] = served[r]
            if out.deadline_moved[r]:
                self.deadlines[identity] = int(out.deadline[r])
                if not out.deadline[r]:
                    del self.deadlines[identity]
        for r in out.expired.tolist():
            self.fragments.pop(fetched.identities[r], None)
        for r in out.unscored.tolist():
            self.served.pop(fetched.identities[r], None)
        for r in out.deleted.tolist():
            if r not in set(out.scored.tolist()):
                self.served.pop(fetched.identities[r], None)
        for r, edges in out.edges.items():
            self.edges[fetched.identities[r]] = edges.encode()
        for r, interests in out.interests.items():
            self.interests[fetched.identities[r]] = interests
        for r, growth in out.timelines.items():
            before = self.timelines.get(fetched.identities[r], ())
            after = Growth.unpack(growth).after(before, self.settings.timelines.events)
            self.timelines[fetched.identities[r]] = after
        for c in out.closed:
            self.closed[int(c["shard"])].append(
                Closed(
                    int(c["deadline"]), fetched.identities[c["row"]],
                    self.catalog.models[c["model"]].name, int(c["open_ts"]),
                    int(c["open_offset"]), c["vector"].tobytes(), float(c["label"]),
                    int(c["flags"]),
                )
            )  # fmt: skip
        for c in out.early:
            self.early[int(c["shard"])].append(
                Early(
                    int(c["seen"]), int(c["source"]), fetched.identities[c["row"]],
                    self.catalog.models[c["model"]].name, int(c["open_ts"]),
                    int(c["open_offset"]), int(c["deadline"]), c["vector"].tobytes(),
                    float(c["label"]),
                )
            )  # fmt: skip
        self._note_openings(fetched, out)
        self.derived += out.derived
        self.positions |= out.positions
        self.outcomes.append(out)

    def _note_openings(self, fetched: Fetched, out: StepOutcome) -> None:
        names = [m.name for m in self.catalog.models]
        for r, slot in zip(*np.nonzero(out.fragment["slot_open"]), strict=True):
            key = fetched.identities[r], int(out.fragment["slot_offset"][r, slot])
            self.vectors[key].add(out.served["slot_vector"][r, slot].tobytes())
            for m, name in enumerate(names):
                if out.fragment["slot_open"][r, slot] & (1 << m):
                    value = float(out.served["slot_value"][r, slot, m])
                    version = int(out.served["slot_version"][r, slot, m])
                    self.served_at[(*key, name)].add((value, version))
        for c in (*out.closed, *out.early):
            key = fetched.identities[c["row"]], int(c["open_offset"])
            self.vectors[key].add(c["vector"].tobytes())
            self.served_at[(*key, names[c["model"]])].add((float(c["served"]), int(c["version"])))


def batch_of(records: Sequence[Record], base: int, end: int, types: EventTypes = BUILT_IN) -> Batch:
    """The batch as a decoder would give it."""
    events = [r for r in records if isinstance(r, Event)]
    return Batch(
        0,
        base,
        end,
        columns_of(events, types),
        [r for r in records if isinstance(r, Control)],
        [r for r in records if isinstance(r, Rejected)],
        numbered_of(events),
    )


def numbered_of(events: Sequence[Event]) -> Numbered | None:
    """The numbers of those that have one, as a decoder would give them."""
    found = [(e.offset, e.number) for e in events if e.number is not None]
    if not found:
        return None
    names = sorted({(source, partition) for _, (source, partition, _) in found})
    return Numbered(
        np.array([offset for offset, _ in found], np.int64),
        np.array([names.index(n[:2]) for _, n in found], np.int32),
        names,
        np.array([n[2] for _, n in found], np.int64),
    )


def columns_of(events: Sequence[Event], types: EventTypes = BUILT_IN) -> EventColumns:
    """Events as columns."""
    place: dict[Identity, int] = {}
    for e in events:
        place.setdefault(e.identity, len(place))
    links = [(i, other) for i, e in enumerate(events) for other in e.links]
    given = list(dict.fromkeys(e.event_type for e in events if e.event_type))
    others = {other: k for k, other in enumerate(dict.fromkeys(o for _, o in links))}
    return EventColumns(
        offset=np.array([e.offset for e in events], np.int64),
        timestamp=np.array([e.timestamp for e in events], np.int64),
        append_time=np.array([e.append_time for e in events], np.int64),
        identity=np.array([place[e.identity] for e in events], np.int32),
        identities=list(place),
        identity_hash=murmur2(list(place)),
        id_hash=np.array([e.id_hash for e in events], np.uint64),
        event_ids=[e.event_id for e in events],
        kind=np.array([e.kind for e in events], np.uint8),
        amount=np.array([e.amount for e in events], np.float64),
        quantity=np.array([e.quantity for e in events], np.float64),
        link_event=np.array([i for i, _ in links], np.int32),
        link_identity=np.array([others[o] for _, o in links], np.int32),
        link_names=list(others),
        mentions=mentions_of([e.mentions for e in events]),
        code=np.array(
            [types.codes[e.event_type] if e.event_type in types.names else e.kind for e in events],
            np.uint8,
        )
        if types.names
        else None,
        type_of=np.array(
            [given.index(e.event_type) if e.event_type else -1 for e in events], np.int32
        ),
        type_names=given,
    )


def mentions_of(mentioned: Sequence[Sequence[Mention]]) -> Mentions:
    """What each event mentions, as columns."""
    flat = [(i, m) for i, mentions in enumerate(mentioned) for m in mentions]
    if not flat:
        return NO_MENTIONS
    table, data = np.zeros(len(flat), MENTION), b""
    for row, (event, m) in zip(table, flat, strict=True):
        text = (len(data), len(data) + len(m.id), len(m.id), len(m.name))
        row["event"], row["subject"], row["hash"], row["text"] = event, m.subject, m.hash, text
        data += m.id + m.name
    return Mentions(table, np.frombuffer(data, np.uint8))
