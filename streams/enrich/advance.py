"""Advances the shards of one partition over a batch: fetch, step, commit, announce.

Normally every shard that has records moves to the end of the batch in one commit. A shard with
too many rows for one script moves in parts; a wave of deadlines that is too large is closed in
several commits at the same offset, in the order of the deadlines.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Mapping, Sequence

import numpy as np

from afflux import watermark
from afflux.catalog import Catalog
from afflux.columns import I32, empty_events
from afflux.names import Identity
from afflux.outcome import Batch, StepOutcome
from afflux.position import FENCE, Position, Watermark
from afflux.scoring import Scorer
from afflux.shards import shard_of
from afflux.step import StepSettings, step
from profile_store.contract import ShardStore
from streams.enrich.announce import Owners
from streams.enrich.commits import CommitPlanner, Planned
from streams.enrich.cut import cut
from streams.enrich.fetch import RowFetcher, Rows, Wanted
from streams.enrich.last_word import LastWord
from streams.enrich.partition import OwnedPartition

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
    ) -> None:
        self._store = store
        self._catalog = catalog
        self._planner = planner
        self._fetcher = fetcher
        self._last_word = last_word
        self._shards = shards
        self._limit = commit_rows
        self._settings = settings

    def after(self, at: Watermark, batch: Batch) -> Watermark:
        """W after the records of `batch`."""
        if batch.base == batch.end:
            return at
        return watermark.after(at, batch.events, batch.controls, self._settings)[-1]

    async def advance(
        self,
        part: OwnedPartition,
        batch: Batch,
        at: Watermark,
        shards: Sequence[int],
        scorer: Scorer,
        before_commit: Awaitable[object] | None = None,
    ) -> Watermark:
        """Move `shards` to `batch.end`; returns W there. `at` is W at `batch.base`.

        `before_commit` is awaited before the first commit (dead letters come first).
        Raises LostRace, StoreUnavailable.
        """
        end = self.after(at, batch)
        rows = await self._rows(part, batch, end, shards)
        crowded = self._crowded(rows, shards)
        together = [s for s in shards if s not in crowded]
        outcome = None
        if together:
            outcome = self._step(part, batch, at, together, rows, scorer)
        if before_commit is not None:
            await before_commit
        if outcome is not None:
            await self._commit(part, rows, outcome)
        for shard in crowded:
            await self._in_parts(part, batch, at, shard, scorer)
        return end

    async def _in_parts(
        self, part: OwnedPartition, batch: Batch, at: Watermark, shard: int, scorer: Scorer
    ) -> None:
        """Move one shard through `batch` in pieces that fit a commit."""
        await self.wave(part, at, batch.base, shard, scorer)
        while batch.base < batch.end:
            piece, end = batch, self.after(at, batch)
            rows = await self._rows(part, piece, end, [shard])
            while self._crowded(rows, [shard]) and piece.end - piece.base > 1:
                piece = cut(batch, batch.base, batch.base + (piece.end - piece.base) // 2)
                end = self.after(at, piece)
                rows = await self._rows(part, piece, end, [shard])
            alone = bool(self._crowded(rows, [shard]))
            before = at.value if alone else None
            await self._commit(
                part, rows, self._step(part, piece, at, [shard], rows, scorer, before)
            )
            at = end
            batch = cut(batch, piece.end, batch.end)
            if alone:
                part.due.pop(shard, None)
                await self.wave(part, at, batch.base, shard, scorer)

    async def wave(
        self, part: OwnedPartition, at: Watermark, offset: int, shard: int, scorer: Scorer
    ) -> None:
        """Close all that is due in one shard at `offset`, in order; `at` is W there."""
        here = Batch(0, offset, offset, empty_events())
        while part.may_be_due(shard, at.value):
            rows = await self._rows(part, here, at, [shard])
            due = [deadline for _, deadline in rows.due.get(shard, ())]
            before = _chunk_end(due, self._limit)
            await self._commit(
                part, rows, self._step(part, here, at, [shard], rows, scorer, before)
            )
            if before is not None:
                part.due.pop(shard, None)

    async def _rows(
        self, part: OwnedPartition, batch: Batch, end: Watermark, shards: Sequence[int]
    ) -> Rows:
        wanted = self._wanted(part, batch, end.value, shards)
        rows = await self._fetcher.fetch(wanted)
        for shard, found in rows.positions.items():
            if shard in part.positions and found[:FENCE] != part.fence(shard):
                raise LostRace(f"shard {shard} was written by another owner")
        for shard, beyond in rows.next_due.items():
            due = rows.due[shard]
            part.set_due(shard, due[0][1] if due else beyond)
        return rows

    def _wanted(
        self, part: OwnedPartition, batch: Batch, until: int, shards: Sequence[int]
    ) -> Wanted:
        events = batch.events
        identities: list[Identity] = list(events.identities)
        shard: I32 = shard_of(events.identity_hash, self._shards)
        touched = np.zeros(len(identities), np.bool_)
        touched[events.identity] = True
        row_of: dict[Identity, int] = {}
        if batch.controls:
            row_of = {identity: r for r, identity in enumerate(identities)}
            known = len(identities)
            hashes = []
            for c in batch.controls:
                if c.identity is not None and c.identity not in row_of:
                    row_of[c.identity] = len(identities)
                    identities.append(c.identity)
                    hashes.append(c.identity_hash)
            extra = shard_of(np.array(hashes, np.uint32), self._shards)
            shard = np.concatenate([shard, extra])
            touched = np.concatenate([touched, np.ones(len(identities) - known, np.bool_)])
            touched[[row_of[c.identity] for c in batch.controls if c.identity is not None]] = True
        wanted = touched & np.isin(shard, np.array(shards, np.int32))
        of_control = {row_of[c.identity] for c in batch.controls if c.identity is not None}
        of_delete = {
            row_of[c.identity]
            for c in batch.controls
            if c.identity is not None and c.kind == "delete"
        }
        neighbours = _neighbours(batch)
        in_use = set(np.flatnonzero(wanted).tolist())
        return Wanted(
            identities,
            shard,
            wanted,
            frozenset((of_control | neighbours.keys()) & in_use),
            frozenset(of_delete & in_use),
            {s: (until, self._limit + 1) for s in shards if part.may_be_due(s, until)},
            {r: n for r, n in neighbours.items() if r in in_use},
        )

    def _crowded(self, rows: Rows, shards: Sequence[int]) -> list[int]:
        """Shards with more rows than one commit may hold."""
        if len(rows.fetched.identities) <= self._limit:
            return []
        counts = np.bincount(rows.fetched.shard[rows.touched], minlength=self._shards)
        return [s for s in shards if counts[s] > self._limit]

    def _step(
        self,
        part: OwnedPartition,
        batch: Batch,
        at: Watermark,
        shards: Sequence[int],
        rows: Rows,
        scorer: Scorer,
        close_before: int | None = None,
    ) -> StepOutcome:
        positions: Mapping[int, Position] = {s: part.positions[s] for s in shards}
        return step(
            batch, at, rows.fetched, positions, self._catalog, scorer, self._settings, close_before
        )

    async def _commit(self, part: OwnedPartition, rows: Rows, outcome: StepOutcome) -> None:
        planned = self._planner.plan(part, rows, outcome)
        began = self._last_word.now()
        await commit(self._store, part, planned)
        for shard, deadline in planned.deadlines.items():
            part.lower_due(shard, deadline)
        for shard in rows.next_due.keys() & planned.positions.keys():
            part.set_due(shard, rows.next_due[shard])
            if shard in planned.deadlines:
                part.lower_due(shard, planned.deadlines[shard])
        owners = self._owners(rows, outcome, planned)
        part.announcing = asyncio.create_task(
            self._last_word.announce(planned.outboxes, owners, began)
        )

    def _owners(self, rows: Rows, outcome: StepOutcome, planned: Planned) -> Owners:
        identities = rows.fetched.identities
        scored = outcome.scored.tolist()
        shards = rows.fetched.shard[outcome.scored].tolist()
        return Owners(
            [identities[r] for r in scored],
            outcome.served[outcome.scored],
            [outcome.event_ids[r] for r in scored],
            [planned.positions[s].version for s in shards],
            {identities[r]: rows.members[r] for r in scored if r in rows.members},
        )


async def commit(store: ShardStore, part: OwnedPartition, planned: Planned) -> None:
    """Write; then `part.positions` holds what landed.

    The next batch of a shard may commit only when the announcement of this one is acknowledged.
    Raises LostRace when the store holds what another owner wrote; then the shards that landed
    keep their outbox, which is announced when positions are read again.
    """
    await part.announced()
    lost = []
    for result in await store.commit(planned.commits):
        target = planned.positions[result.shard]
        if result.landed or result.found[:FENCE] == target.fence:
            part.positions[result.shard] = target
        else:
            lost.append(result.shard)
    if lost:
        raise LostRace(f"shards {lost} were written by another owner")


def _chunk_end(due: Sequence[int], limit: int) -> int | None:
    """Where a wave is cut: None when it fits; else no deadline is torn apart, if possible."""
    if len(due) <= limit:
        return None
    last = due[limit]
    return last if last > due[0] else last + 1


def _neighbours(batch: Batch) -> dict[int, list[Identity]]:
    """Row -> identities that the events of this batch link it to."""
    events = batch.events
    links: dict[int, list[Identity]] = {}
    for event, other in zip(events.link_event.tolist(), events.link_identity.tolist(), strict=True):
        links.setdefault(int(events.identity[event]), []).append(events.link_names[other])
    return links
