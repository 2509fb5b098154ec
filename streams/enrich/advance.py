"""Advances the shards of partitions over their batches: fetch, step, commit, announce.

Normally every shard that has records moves to the end of the batch in one commit. A shard with
too many rows for one script moves in parts; a wave of deadlines that is too large is closed in
several commits at the same offset, in the order of the deadlines.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Mapping, Sequence, Set
from dataclasses import replace

import numpy as np

from afflux.catalog import Catalog
from afflux.columns import I32, EventColumns, empty_events
from afflux.interests.rules import interested
from afflux.names import Identity
from afflux.outcome import Batch, StepOutcome
from afflux.position import FENCE, Position, Watermark
from afflux.scoring import Scorer
from afflux.shards import shard_of
from afflux.span import all_controls, all_events
from afflux.step import StepSettings, step_together
from profile_store.contract import ShardStore
from streams.enrich.announce import Owners
from streams.enrich.audiences import AudienceStage, Judged
from streams.enrich.commits import CommitPlanner, Planned
from streams.enrich.feeds import Feeds
from streams.enrich.fetch import RowFetcher, Rows
from streams.enrich.last_word import LastWord
from streams.enrich.partition import Head, OwnedPartition
from streams.enrich.shared_identities import SharedIdentities
from streams.enrich.wanted import Wanted
from streams.enrich.work import Work

log = logging.getLogger("afflux.enrich")


class LostRace(Exception):
    """The store holds another position than this owner expects: re-read and rewind."""


class Advancer:
    """Everything that moves positions of the events topic."""

    def __init__(
        self,
        store: ShardStore,
        catalog: Catalog,
        planner: CommitPlanner,
        fetcher: RowFetcher,
        last_word: LastWord,
        shards: int,
        commit_rows: int,
        settings: StepSettings,
        shared: SharedIdentities,
        audiences: AudienceStage,
        feeds: Feeds,
    ) -> None:
        self._store = store
        self._catalog = catalog
        self._planner = planner
        self._fetcher = fetcher
        self._last_word = last_word
        self._shards = shards
        self._limit = commit_rows
        self._settings = settings
        self._shared = shared
        self._audiences = audiences
        self._feeds = feeds

    def work(
        self, part: OwnedPartition, batch: Batch, at: Watermark, shards: Sequence[int]
    ) -> Work:
        """To move `shards` of `part` to `batch.end`; `at` is W at `batch.base`."""
        return Work.of(part, batch, at, shards, self._settings)

    async def ask(
        self,
        part: OwnedPartition,
        head: Head,
        people: Sequence[tuple[int, Identity]],
        swept: Mapping[int, bytes],
        scorer: Scorer,
    ) -> None:
        """Ask about audiences, of (shard, identity) to whom nothing happened, at W of the head.

        At most `commit_rows` of them, of shards in `swept`, which is committed with the answers.
        """
        shards = list(swept)
        here = self.work(
            part, Batch(0, head.offset, head.offset, empty_events()), head.watermark, shards
        )
        while any(part.may_be_due(s, head.watermark.value) for s in shards):
            await self.advance(here, scorer)  # apart, so that all the people fit one commit
        await self.advance(replace(here, people=people, swept=swept), scorer)

    async def advance(self, work: Work, scorer: Scorer) -> None:
        """Move the shards of one partition. Raises LostRace, StoreUnavailable."""
        for race in (await self.advance_together([work], scorer)).values():
            raise race

    async def advance_together(
        self,
        works: Sequence[Work],
        scorer: Scorer,
        before_commit: Awaitable[object] | None = None,
    ) -> dict[int, LostRace]:
        """Move the shards of several partitions; of which of them not all moved, and why.

        `before_commit` is awaited before the first commit (dead letters come first).
        Raises LostRace, before anything moved, and StoreUnavailable.
        """
        events = all_events([w.span for w in works])
        rows = await self._rows(works, events)
        crowded = set(self._crowded(rows, [s for w in works for s in w.shards]))
        # Also those whose shards are all crowded, or folded: the rows are those of all events.
        together = [w.only([s for s in w.shards if s not in crowded]) for w in works]
        outcome = None
        if any(w.shards for w in together):
            outcome = self._step(together, rows, scorer, events=events)
        if before_commit is not None:
            await before_commit
        lost = {}
        if outcome is not None:
            lost = await self._commit(together, rows, outcome)
        for work in works:
            for shard in crowded.intersection(work.shards):
                if work.part.number not in lost:
                    await self._in_parts(work.only([shard]), scorer)
        return lost

    async def _in_parts(self, work: Work, scorer: Scorer) -> None:
        """Move one shard through its batch in pieces that fit a commit."""
        (shard,) = work.shards
        await self._wave(work, work.at, work.batch.base, scorer)
        while work.batch.base < work.batch.end:
            piece = work
            rows = await self._rows([piece])
            while self._crowded(rows, [shard]) and piece.batch.end - piece.batch.base > 1:
                half = (piece.batch.end - piece.batch.base) // 2
                piece = work.until(work.batch.base + half, self._settings)
                rows = await self._rows([piece])
            alone = bool(self._crowded(rows, [shard]))
            before = work.at.value if alone else None
            await self._commit_or_lose(piece, rows, scorer, before)
            work = work.after(piece, self._settings)
            if alone:
                work.part.due.pop(shard, None)
                await self._wave(work, work.at, work.batch.base, scorer)

    async def _wave(self, work: Work, at: Watermark, offset: int, scorer: Scorer) -> None:
        """Close all that is due in one shard at `offset`, in order; `at` is W there."""
        part, (shard,) = work.part, work.shards
        here = self.work(part, Batch(0, offset, offset, empty_events()), at, [shard])
        while part.may_be_due(shard, at.value):
            rows = await self._rows([here])
            due = [deadline for _, deadline in rows.due.get(shard, ())]
            before = _chunk_end(due, self._limit)
            await self._commit_or_lose(here, rows, scorer, before)
            if before is not None:
                part.due.pop(shard, None)

    async def _rows(self, works: Sequence[Work], events: EventColumns | None = None) -> Rows:
        if events is None:
            events = all_events([w.span for w in works])
        rows = await self._fetcher.fetch(self._wanted(works, events))
        for work in works:
            for shard in work.shards:
                found = rows.positions.get(shard)
                if found is not None and found[:FENCE] != work.part.fence(shard):
                    raise LostRace(f"shard {shard} was written by another owner")
                if shard in rows.next_due:
                    due, beyond = rows.due[shard], rows.next_due[shard]
                    work.part.set_due(shard, due[0][1] if due else beyond)
        return rows

    def _wanted(self, works: Sequence[Work], events: EventColumns) -> Wanted:
        controls = all_controls([w.span for w in works])
        shards = [s for w in works for s in w.shards]
        identities: list[Identity] = list(events.identities)
        shard: I32 = shard_of(events.identity_hash, self._shards)
        touched = np.zeros(len(identities), np.bool_)
        touched[events.identity] = True
        row_of: dict[Identity, int] = {}
        if controls:
            row_of = {identity: r for r, identity in enumerate(identities)}
            known = len(identities)
            hashes = []
            for c in controls:
                if c.identity is not None and c.identity not in row_of:
                    row_of[c.identity] = len(identities)
                    identities.append(c.identity)
                    hashes.append(c.identity_hash)
            extra = shard_of(np.array(hashes, np.uint32), self._shards)
            shard = np.concatenate([shard, extra])
            touched = np.concatenate([touched, np.ones(len(identities) - known, np.bool_)])
            touched[[row_of[c.identity] for c in controls if c.identity is not None]] = True
        people = [owner for w in works for owner in w.people]
        if people:
            identities += [identity for _, identity in people]
            shard = np.concatenate([shard, np.array([s for s, _ in people], np.int32)])
            touched = np.concatenate([touched, np.ones(len(people), np.bool_)])
        moving = np.zeros(self._shards, np.bool_)
        moving[shards] = True
        wanted = touched & moving[shard]
        of_control = {row_of[c.identity] for c in controls if c.identity is not None}
        of_delete = {
            row_of[c.identity] for c in controls if c.identity is not None and c.kind == "delete"
        }
        neighbours = _neighbours(events)
        rules = self._audiences.rules
        if rules is not None and not rules.names and not people:
            rules = None
        in_use: set[int] = set()
        if of_control or neighbours:
            in_use = set(wanted.nonzero()[0].tolist())
        return Wanted(
            identities,
            shard,
            wanted,
            frozenset((of_control | neighbours.keys()) & in_use),
            frozenset(of_delete & in_use),
            {
                s: (w.end.value, self._limit + 1)
                for w in works
                for s in w.shards
                if w.part.may_be_due(s, w.end.value)
            },
            frozenset(r for r in interested(events) if wanted[r]),
            {r: n for r, n in neighbours.items() if r in in_use},
            rules=rules,
            records=self._feeds.records,
        )

    def _crowded(self, rows: Rows, shards: Sequence[int]) -> list[int]:
        """Shards with more rows than one commit may hold."""
        if len(rows.fetched.identities) <= self._limit:
            return []
        counts = np.bincount(rows.fetched.shard[rows.touched], minlength=self._shards)
        return [s for s in shards if counts[s] > self._limit]

    def _step(
        self,
        works: Sequence[Work],
        rows: Rows,
        scorer: Scorer,
        close_before: int | None = None,
        events: EventColumns | None = None,
    ) -> StepOutcome:
        positions: dict[int, Position] = {}
        for work in works:
            positions |= work.positions
        spans = [w.span for w in works]
        return step_together(
            spans, rows.fetched, positions, self._catalog, scorer, self._settings, close_before,
            events,
        )  # fmt: skip

    async def _commit_or_lose(
        self, work: Work, rows: Rows, scorer: Scorer, close_before: int | None
    ) -> None:
        outcome = self._step([work], rows, scorer, close_before)
        for race in (await self._commit([work], rows, outcome)).values():
            raise race

    async def _commit(
        self, works: Sequence[Work], rows: Rows, outcome: StepOutcome
    ) -> dict[int, LostRace]:
        """Write; announce of the partitions that moved. The others by number, and why not."""
        part_of = {s: w.part for w in works for s in w.shards}
        fences = {s: part.fence(s) for s, part in part_of.items()}
        planned = self._planner.plan(
            fences, rows, outcome, self._judge(works, rows, outcome),
            {s: data for w in works for s, data in w.swept.items()},
        )  # fmt: skip
        began = self._last_word.now()
        lost: dict[int, LostRace] = {}
        for shard, race in (await commit(self._store, part_of, planned)).items():
            lost[part_of[shard].number] = race
        for shard, deadline in planned.deadlines.items():
            part_of[shard].lower_due(shard, deadline)
        for shard in rows.next_due.keys() & planned.positions.keys():
            part_of[shard].set_due(shard, rows.next_due[shard])
            if shard in planned.deadlines:
                part_of[shard].lower_due(shard, planned.deadlines[shard])
        won = {s for s, part in part_of.items() if part.number not in lost}
        outboxes = {s: box for s, box in planned.outboxes.items() if s in won}
        owners = self._owners(rows, outcome, planned, won if lost else None)
        self._shared.look(rows.fetched, outcome.edges)
        relinked = _relinked(rows, outcome, won)
        announcing = asyncio.create_task(
            self._last_word.announce(outboxes, owners, began, relinked)
        )
        for part in part_of.values():
            if part.number not in lost:
                part.announcing = announcing
        return lost

    def _judge(self, works: Sequence[Work], rows: Rows, outcome: StepOutcome) -> Judged | None:
        if rows.rules is None:
            return None
        watermarks = {s: w.end.value for w in works for s in w.shards}
        return self._audiences.judge(rows.rules, rows, outcome, watermarks)

    def _owners(
        self, rows: Rows, outcome: StepOutcome, planned: Planned, won: Set[int] | None
    ) -> Owners:
        """Of the shards in `won`; of all of them where it is None. Without relinked rows."""
        identities, scored = rows.fetched.identities, outcome.scored
        if len(outcome.relinked):
            scored = np.setdiff1d(scored, outcome.relinked)
        shards = rows.fetched.shard[scored].tolist()
        if won is not None:
            scored = scored[[s in won for s in shards]]
            shards = rows.fetched.shard[scored].tolist()
        announced = scored.tolist()
        return Owners(
            [identities[r] for r in announced],
            outcome.served[scored],
            [outcome.event_ids[r] for r in announced],
            [planned.positions[s].version for s in shards],
            {identities[r]: rows.members[r] for r in announced if r in rows.members},
        )


async def commit(
    store: ShardStore, part_of: Mapping[int, OwnedPartition], planned: Planned
) -> dict[int, LostRace]:
    """Write; then the positions of the partitions hold what landed, and the result what did not.

    The next batch of a shard may commit only when the announcement of this one is acknowledged.
    Where the store holds what another owner wrote, the shards that landed keep their outbox,
    which is announced when positions are read again.
    """
    for part in {part.number: part for part in part_of.values()}.values():
        await part.announced()
    lost = {}
    for result in await store.commit(planned.commits):
        part, target = part_of[result.shard], planned.positions[result.shard]
        if result.landed or result.found[:FENCE] == target.fence:
            part.positions[result.shard] = target
        else:
            lost[result.shard] = LostRace(f"shard {result.shard} was written by another owner")
    return lost


def _relinked(rows: Rows, outcome: StepOutcome, won: Set[int]) -> dict[int, list[Identity]]:
    """Shard -> who is to be announced as they are after the commit."""
    found: dict[int, list[Identity]] = {}
    for r in outcome.relinked.tolist():
        shard = int(rows.fetched.shard[r])
        if shard in won:
            found.setdefault(shard, []).append(rows.fetched.identities[r])
    return found


def _chunk_end(due: Sequence[int], limit: int) -> int | None:
    """Where a wave is cut: None when it fits; else no deadline is torn apart, if possible."""
    if len(due) <= limit:
        return None
    last = due[limit]
    return last if last > due[0] else last + 1


def _neighbours(events: EventColumns) -> dict[int, list[Identity]]:
    """Row -> identities that the events link it to."""
    links: dict[int, list[Identity]] = {}
    for event, other in zip(events.link_event.tolist(), events.link_identity.tolist(), strict=True):
        links.setdefault(int(events.identity[event]), []).append(events.link_names[other])
    return links
