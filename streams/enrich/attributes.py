"""Folds record data sets: last writer wins by (timestamp, offset), deletes are met."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from afflux.attributes import (
    AttributeBatch,
    AttributePatch,
    AttributeRecord,
    fold_attributes,
)
from afflux.catalog import Catalog
from afflux.codes import REJECTED, Code
from afflux.datasets import Declaration
from afflux.names import EVENTS, Identity
from afflux.position import FENCE, NONE_MS, Position, Watermark
from afflux.shards import murmur2, shard_of
from profile_store.contract import MAX_ROWS, Commit, RowRequest, ShardStore
from streams.enrich.advance import LostRace, commit
from streams.enrich.audiences import AudienceStage
from streams.enrich.commits import Planned
from streams.enrich.partition import OwnedPartition

_NOW = 1
"""A deadline that has passed."""


@dataclass(frozen=True, slots=True)
class _Move:
    """How a position moves: to an offset, past so many records of each code."""

    offset: int
    codes: Mapping[Code, int] = field(default_factory=dict)
    newest: int = NONE_MS
    """Timestamp of the newest record, ms."""


class AttributeFolder:
    """Moves the positions of the topics of record data sets."""

    def __init__(
        self,
        store: ShardStore,
        catalog: Catalog,
        shards: int,
        nonce: bytes,
        audiences: AudienceStage,
    ) -> None:
        self._audiences = audiences
        self._store = store
        self._catalog = catalog
        self._shards = shards
        self._nonce = nonce

    async def fold(self, part: OwnedPartition, dataset: Declaration, batch: AttributeBatch) -> None:
        """Commit every shard that has a record in `batch`. Raises LostRace, StoreUnavailable."""
        for piece in _pieces(batch):
            await self._fold(part, dataset, piece)

    async def advance(
        self, part: OwnedPartition, dataset: Declaration, shards: Sequence[int], offset: int
    ) -> None:
        """Move `shards` without a record to `offset`."""
        planned = Planned([], {}, {}, {})
        for shard in shards:
            self._plan(part, dataset, planned, shard, _Move(offset), ())
        await self._commit(part, planned)

    async def _fold(
        self, part: OwnedPartition, dataset: Declaration, batch: AttributeBatch
    ) -> None:
        records: dict[int, dict[Identity, list[AttributeRecord | AttributePatch]]] = {}
        counted: dict[int, dict[Code, int]] = {}
        identities = [r.identity for r in batch.records]
        for record, shard in zip(
            batch.records, shard_of(murmur2(identities), self._shards).tolist(), strict=True
        ):
            if _is_new(part, dataset, shard, record.offset):
                records.setdefault(shard, {}).setdefault(record.identity, []).append(record)
                _count(counted, shard, Code.accepted)
        for rejected in batch.rejected:
            if _is_new(part, dataset, rejected.shard, rejected.offset):
                _count(counted, rejected.shard, Code(rejected.code))
        replies = await self._store.read(
            [
                RowRequest(
                    shard,
                    fragments=[(i, EVENTS) for i in people],
                    attributes=[(i, dataset.rows) for i in people],
                )
                for shard, people in records.items()
            ]
        )
        values: dict[int, list[tuple[Identity, bytes]]] = {}
        for (shard, people), reply in zip(records.items(), replies, strict=True):
            if reply.position[:FENCE] != part.fence(shard):
                raise LostRace(f"shard {shard} was written by another owner")
            deleted_at = self._catalog.decode_fragments(list(reply.fragments))["deleted_at"]
            values[shard] = [
                (identity, fold_attributes(old, new, int(at)))
                for (identity, new), old, at in zip(
                    people.items(), reply.attributes, deleted_at, strict=True
                )
            ]
        planned = Planned([], {}, {}, {})
        for shard, codes in counted.items():
            times = (r.timestamp for new in records.get(shard, {}).values() for r in new)
            move = _Move(batch.end, codes, max(times, default=NONE_MS))
            self._plan(part, dataset, planned, shard, move, values.get(shard, ()))
        await self._commit(part, planned)

    async def _commit(self, part: OwnedPartition, planned: Planned) -> None:
        part_of = dict.fromkeys(planned.positions, part)
        for race in (await commit(self._store, part_of, planned)).values():
            raise race

    def _plan(
        self,
        part: OwnedPartition,
        dataset: Declaration,
        planned: Planned,
        shard: int,
        move: _Move,
        values: Sequence[tuple[Identity, bytes]],
    ) -> None:
        target = _moved(part.positions[shard], dataset.number, move).next(self._nonce)
        planned.positions[shard] = target
        rules = self._audiences.rules
        due = {i: _NOW for i, _ in values} if rules is not None and rules.reads_attributes else {}
        if due:  # the next commit asks about their audiences
            part.due.pop(shard, None)
        planned.commits.append(
            Commit(
                shard,
                part.fence(shard),
                target.encode(),
                b"",
                attributes=[(identity, dataset.rows, value) for identity, value in values],
                deadlines=due,
            )
        )


def _is_new(part: OwnedPartition, dataset: Declaration, shard: int, offset: int) -> bool:
    position = part.positions.get(shard)
    return position is not None and offset >= position.topics[dataset.number].offset


def _moved(position: Position, number: int, move: _Move) -> Position:
    topics, counters = list(position.topics), list(position.counters)
    at = topics[number]
    accepted, rejected, aside = at.counts
    for code, n in move.codes.items():
        counters[code] += n
        accepted += n * (code is Code.accepted)
        rejected += n * (code in REJECTED)
        aside += n * (code is Code.set_aside)
    newest = Watermark(max(at.watermark.value, move.newest))
    counts = accepted, rejected, aside
    topics[number] = replace(at, offset=move.offset, watermark=newest, counts=counts)
    return replace(position, topics=tuple(topics), counters=tuple(counters))


def _count(counted: dict[int, dict[Code, int]], shard: int, code: Code) -> None:
    of_shard = counted.setdefault(shard, {})
    of_shard[code] = of_shard.get(code, 0) + 1


def _pieces(batch: AttributeBatch) -> list[AttributeBatch]:
    """Parts of at most MAX_ROWS records, so that no commit grows too large."""
    if len(batch.records) <= MAX_ROWS:
        return [batch]
    pieces, base = [], batch.base
    for start in range(0, len(batch.records), MAX_ROWS):
        records = batch.records[start : start + MAX_ROWS]
        last = start + MAX_ROWS >= len(batch.records)
        end = batch.end if last else records[-1].offset + 1
        rejected = [r for r in batch.rejected if base <= r.offset < end]
        pieces.append(AttributeBatch(batch.topic, base, end, records, rejected))
        base = end
    return pieces
