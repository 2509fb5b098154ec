"""Records of a disabled data set: counted where they would have been folded, and left in Kafka."""

from __future__ import annotations

from dataclasses import replace

from afflux.attributes import AttributeBatch, AttributePatch, AttributeRecord
from afflux.codes import Code
from afflux.columns import empty_events
from afflux.outcome import Batch, Rejected
from afflux.shards import murmur2, shard_of


def without_events(batch: Batch, shards: int) -> Batch:
    """Control records alone: whoever asked to be forgotten is, whatever is disabled.

    W does not move by events that are left aside.
    """
    events = batch.events
    if not len(events):
        return batch
    of = shard_of(events.identity_hash[events.identity], shards).tolist()
    aside = [
        Rejected(offset, shard, int(Code.set_aside))
        for offset, shard in zip(events.offset.tolist(), of, strict=True)
    ]
    return replace(batch, events=empty_events(), rejected=_by_offset([*batch.rejected, *aside]))


def without_records(batch: AttributeBatch, shards: int) -> AttributeBatch:
    """The same of attributes; what removes all of them, a null value, is kept."""
    aside = [record for record in batch.records if not _removes(record)]
    if not aside:
        return batch
    of = shard_of(murmur2([record.identity for record in aside]), shards).tolist()
    counted = [
        Rejected(record.offset, shard, int(Code.set_aside))
        for record, shard in zip(aside, of, strict=True)
    ]
    kept = [record for record in batch.records if _removes(record)]
    return replace(batch, records=kept, rejected=_by_offset([*batch.rejected, *counted]))


def _removes(record: AttributeRecord | AttributePatch) -> bool:
    return isinstance(record, AttributeRecord) and not record.attributes


def _by_offset(found: list[Rejected]) -> list[Rejected]:
    return sorted(found, key=lambda r: r.offset)
