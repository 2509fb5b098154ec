"""Records of an input topic to what the core folds: good ones as columns, bad ones with why.

Any bytes are either an event, a control record, or a `BadRecord`. The only errors are those of
infrastructure: `RegistryUnavailable`, when a writer schema cannot be asked for now.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

import schemas
from afflux.attributes import AttributeBatch, AttributePatch, AttributeRecord
from afflux.codes import Code
from afflux.columns import I64, EventColumns
from afflux.event_types import BUILT_IN, EventTypes
from afflux.findings import explain
from afflux.outcome import Batch, Control
from afflux.shards import murmur2, partition_of
from afflux.validation import check
from streams.attribute_rows import NO_FIELDS, Said, read_attributes, tombstone
from streams.avro_faults import Fault
from streams.bad_records import BadRecord, Limits, Rejections, mirrored
from streams.columns_codec import CodecName
from streams.control_codec import ControlDecoder
from streams.event_columns import DecodedEvents, EventPart, read_events, select
from streams.event_parts import assemble, keep
from streams.framing import SINGLE_OBJECT, writer_of
from streams.numbering import numbered
from streams.placeholders import placeholders
from streams.records import RecordBatch, side_by_side
from streams.registry import Registry
from streams.writer_schemas import Lookup, WriterSchemas

__all__ = ["BadRecord", "Decoder", "Limits"]

FEW = 256
"""So few records of several partitions cost less in one call than the calls themselves."""

CHUNK_BYTES = 4 << 20
"""At most so many bytes (and one value more) are decoded in one call."""


@dataclass(frozen=True, slots=True)
class _Group:
    """Records of one batch with the same frame."""

    frame: bytes
    rows: Sequence[int]


class Decoder:
    """Decodes batches of the input topics.

    secret: key of the signatures of control records; without one none is accepted.
    codec: "auto", "pyruhvro" or "fastavro". lookup: schemas by fingerprint. types: what models tell
    apart of event types. interests: whether what events are about (products, categories, pages) is
    read, for people's interests.
    """

    def __init__(
        self,
        limits: Limits,
        secret: bytes,
        registry: Registry | None = None,
        codec: CodecName = "auto",
        lookup: Lookup = schemas.by_fingerprint,
        types: EventTypes = BUILT_IN,
        interests: bool = True,
    ) -> None:
        self._types, self._interests = types, interests
        self._limits = limits
        self._rules = limits.rules
        self._lookup = lookup
        self._writers = WriterSchemas(registry, codec, lookup)
        self._controls = ControlDecoder(secret, limits.partitions, limits.skew_ms)

    def events(self, records: RecordBatch) -> tuple[Batch, list[BadRecord]]:
        """A batch of `experience-events`; `Batch.rejected` mirrors the bad records."""
        bad = Rejections(records, self._limits)
        controls: list[Control] = []
        parts: list[EventPart] = []
        for i, value in enumerate(records.values):
            if value is None:
                bad.add(i, Fault(Code.no_value, "", "the value is null"))
        for group in self._groups(records, bad):
            if self._writers.contract_of(group.frame) == "ControlRecord":
                controls += self._read_controls(records, group, bad)
            else:
                parts += self._read_events(records, group, bad)
        controls.sort(key=lambda c: c.offset)
        events = self._owned(assemble(parts, records), records, bad)
        found = bad.found()
        return (
            Batch(
                0, records.base, records.end, events, controls, mirrored(found), numbered(records)
            ),
            found,
        )

    def events_of(self, many: Sequence[RecordBatch]) -> list[tuple[Batch, list[BadRecord]]]:
        """As `events` of each; a few records of several partitions are decoded in one call."""
        if len(many) > 1 and sum(map(len, many)) <= FEW:
            events = self._all_good(many)
            if events is not None:
                ends = list(itertools.accumulate(map(len, many), initial=0))
                return [
                    (
                        Batch(
                            0,
                            records.base,
                            records.end,
                            events.between(a, b),
                            numbered=numbered(records),
                        ),
                        [],
                    )
                    for records, (a, b) in zip(many, itertools.pairwise(ends), strict=True)
                ]
        return [self.events(records) for records in many]

    def _all_good(self, many: Sequence[RecordBatch]) -> EventColumns | None:
        """The events of all records, one by one; None where one is something else, or bad."""
        records = side_by_side(many)
        frame = self._only_frame(records)
        if frame is None or self._writers.contract_of(frame) == "ControlRecord":
            return None
        bad = Rejections(records, self._limits)
        group = _Group(frame, range(len(records)))
        events = assemble(list(self._read_events(records, group, bad)), records)
        if len(events) < len(records):
            return None
        home = partition_of(events.identity_hash, self._limits.partitions)[events.identity]
        there = np.repeat([r.partition for r in many], [len(r) for r in many])
        return events if (home == there).all() else None

    def attributes(
        self,
        records: RecordBatch,
        topic: int = 1,
        fields: Mapping[str, str] = NO_FIELDS,
        contract: str = "ProfileAttributes",
    ) -> tuple[AttributeBatch, list[BadRecord]]:
        """A batch of a record data set, or of patches. A null value removes a whole record.

        topic: its number in positions. fields: those that the data set declares, if it does.
        contract: schema of the values.
        """
        whole = contract == "ProfileAttributes"
        bad = Rejections(records, self._limits)
        kept: dict[int, AttributeRecord | AttributePatch] = {}

        def put(i: int, record: Said | Fault, identity: bytes | None) -> None:
            if isinstance(record, Fault):
                bad.add(i, record, identity)
            elif self._is_elsewhere(record.identity, records.partition):
                bad.add(i, _elsewhere(records.partition))
            else:
                kept[i] = record

        for i, value in enumerate(records.values):
            if value is None and not whole:
                bad.add(i, Fault(Code.no_value, "", "the value is null"))
            elif value is None:
                place = int(records.offsets[i]), int(records.timestamps[i])
                put(i, tombstone(records.keys[i], *place), None)
        for group in self._groups(records, bad):
            for rows, batch in self._decode(contract, records, group, bad):
                offsets, times = records.offsets[rows], records.timestamps[rows]
                read = read_attributes(batch, offsets, times, self._rules, fields, not whole)
                for i, (identity, record) in zip(rows.tolist(), read, strict=True):
                    put(i, record, identity)
        found = bad.found()
        ordered = [kept[i] for i in sorted(kept)]
        return AttributeBatch(topic, records.base, records.end, ordered, mirrored(found)), found

    def _groups(self, records: RecordBatch, bad: Rejections) -> list[_Group]:
        """Values that are there by frame; those too large or without a frame are bad."""
        if (frame := self._only_frame(records)) is not None:
            return [_Group(frame, range(len(records)))]
        frames: dict[bytes, list[int]] = {}
        for i, value in enumerate(records.values):
            if value is None:
                continue
            if len(value) > self._limits.max_bytes:
                message = f"{len(value)} bytes, at most {self._limits.max_bytes} are allowed"
                bad.add(i, Fault(Code.too_large, "", message))
            elif frame := writer_of(value):
                frames.setdefault(frame, []).append(i)
            else:
                message = "neither Avro single-object encoding nor Confluent framing"
                bad.add(i, Fault(Code.unknown_frame, "", message))
        return [_Group(frame, rows) for frame, rows in frames.items()]

    def _only_frame(self, records: RecordBatch) -> bytes | None:
        """The frame of all values, where they have one, as is usual, and none is too large."""
        values = records.values
        if not values or None in values:
            return None
        sound = [v for v in values if v is not None]
        frame = writer_of(sound[0])
        size = len(frame)
        if not frame or max(map(len, sound)) > self._limits.max_bytes:
            return None
        return frame if {v[:size] for v in sound} == {frame} else None

    def _decode(
        self, contract: str, records: RecordBatch, group: _Group, bad: Rejections
    ) -> Iterator[tuple[I64, pa.RecordBatch]]:
        """Columns of the group with the place of each row in the batch; a few large chunks."""
        writer = self._writers.find(contract, group.frame)
        if isinstance(writer, Fault):
            for i in group.rows:
                bad.add(i, writer)
            return
        head = len(group.frame)
        for rows in _chunks(records, group.rows):
            payloads = [v[head:] for i in rows if (v := records.values[i]) is not None]
            decoded = writer.codec.decode(payloads)
            for place, fault in decoded.faults.items():
                bad.add(rows[place], fault)
            yield np.array(rows, np.int64)[decoded.rows], decoded.batch

    def _read_events(
        self, records: RecordBatch, group: _Group, bad: Rejections
    ) -> Iterator[EventPart]:
        for rows, batch in self._decode("ExperienceEvent", records, group, bad):
            events = read_events(batch, records.timestamps[rows], self._types)
            codes = check(events.candidates, self._rules)
            nobody = placeholders(events, self._rules.placeholders)
            for place, fault in nobody.items():
                codes[place] = codes[place] or fault.code
            for place in codes.nonzero()[0].tolist():
                code = Code(int(codes[place]))
                named = nobody[place] if code is Code.placeholder_identity else None
                fault = named or self._fault(events, place, code)
                bad.add(int(rows[place]), fault, _primary(events, place))
            yield select(events, rows, codes == 0, self._interests)

    def _fault(self, events: DecodedEvents, row: int, code: Code) -> Fault:
        why = explain(events.candidates, self._rules, row)
        return Fault(why.code, why.pointer, why.message) if why else Fault(code, "", code.name)

    def _read_controls(
        self, records: RecordBatch, group: _Group, bad: Rejections
    ) -> Iterator[Control]:
        schema = self._lookup(group.frame[len(SINGLE_OBJECT) :])
        if schema is None:
            raise AssertionError("a group of control records has a known schema")
        for i in group.rows:
            control = self._controls.decode(records, i, schema)
            if isinstance(control, Fault):
                bad.add(i, control)
            else:
                yield control

    def _owned(self, events: EventColumns, records: RecordBatch, bad: Rejections) -> EventColumns:
        """Without events whose primary identity lives in another partition."""
        home = partition_of(events.identity_hash, self._limits.partitions)
        away = home != records.partition
        if not np.count_nonzero(away):
            return events
        elsewhere = away[events.identity]
        for offset in events.offset[elsewhere].tolist():
            i = int(np.searchsorted(records.offsets, offset))
            bad.add(i, _elsewhere(records.partition))
        return keep(events, ~elsewhere)

    def _is_elsewhere(self, identity: bytes, partition: int) -> bool:
        return int(partition_of(murmur2([identity]), self._limits.partitions)[0]) != partition


def _chunks(records: RecordBatch, rows: Sequence[int]) -> Iterator[Sequence[int]]:
    sizes = [len(records.values[i] or b"") for i in rows]
    if sum(sizes) <= CHUNK_BYTES:
        yield rows
        return
    chunk = np.cumsum(sizes) // CHUNK_BYTES
    for part in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(chunk)) + 1):
        yield [rows[i] for i in part.tolist()]


def _primary(events: DecodedEvents, row: int) -> bytes | None:
    element = int(events.primary[row])
    return events.names[element] if element >= 0 else None


def _elsewhere(partition: int) -> Fault:
    message = f"the primary identity does not belong to partition {partition}"
    return Fault(Code.wrong_partition, "/identityMap", message)
