"""Avro messages of one writer schema to Arrow columns: good rows as columns, bad ones with why.

Two codecs behind one interface: pyruhvro, and fastavro where pyruhvro is not to be had or not
wanted. One contract suite proves that they agree on every byte string.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import fastavro
import numpy as np
import pyarrow as pa

from afflux.columns import I64
from streams import pyruhvro_guard
from streams.avro_faults import Fault, Walker
from streams.avro_rows import to_arrow
from streams.avro_tree import Record, pairs, wire_schema

CodecName = Literal["auto", "pyruhvro", "fastavro"]

_WALK_BELOW = 4
"""So few messages are walked one by one rather than decoded in halves."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """Columns of the good messages, maps as lists of (key, value), and the faults of the others."""

    batch: pa.RecordBatch
    rows: I64
    """Place of each row of `batch` in the sequence of messages, ascending."""
    faults: dict[int, Fault]
    """Place of a bad message -> why."""


class Codec(Protocol):
    """Decodes messages (without frames) of one writer schema. Never raises for their bytes."""

    def decode(self, payloads: Sequence[bytes]) -> Decoded:
        """All of `payloads`, each either a row or a fault."""
        ...


def open_codec(record: Record, name: CodecName = "auto") -> Codec:
    """The codec of a writer schema. "auto" is pyruhvro where it is installed.

    Raises RefusedSchema for a schema that is not safe to decode, ValueError for a name that
    cannot be had.
    """
    if name == "auto":
        name = "pyruhvro" if pyruhvro_guard.available() else "fastavro"
    if name == "fastavro":
        pyruhvro_guard.check_size(record)
        return FastavroCodec(record)
    if name == "pyruhvro" and pyruhvro_guard.available():
        return PyruhvroCodec(record)
    raise ValueError(f"there is no codec {name!r} here")


class FastavroCodec:
    """One message at a time."""

    def __init__(self, record: Record) -> None:
        flat = pairs(record)
        assert isinstance(flat, Record)
        self._record = flat
        self._walker = Walker(record)
        self._parsed: Any = fastavro.parse_schema(wire_schema(flat))

    def decode(self, payloads: Sequence[bytes]) -> Decoded:
        """All of `payloads`, each either a row or a fault."""
        rows: list[int] = []
        values: list[Any] = []
        faults: dict[int, Fault] = {}
        for i, payload in enumerate(payloads):
            fault = self._walker.fault(payload)
            if fault is None:
                rows.append(i)
                values.append(fastavro.schemaless_reader(io.BytesIO(payload), self._parsed, None))
            else:
                faults[i] = fault
        return Decoded(to_arrow(self._record, values), np.array(rows, np.int64), faults)


class PyruhvroCodec:
    """All messages at once; where one is bad, halves until it is found by the strict walk."""

    def __init__(self, record: Record) -> None:
        self._reader = pyruhvro_guard.Reader(record)
        self._walker = Walker(record)
        self._fallback = FastavroCodec(record)

    def decode(self, payloads: Sequence[bytes]) -> Decoded:
        """All of `payloads`, each either a row or a fault."""
        faults: dict[int, Fault] = {}
        try:
            batch, trailing = self._reader.read(payloads)
        except pyruhvro_guard.Undecodable:
            self._halve(payloads, 0, len(payloads), faults)
        else:
            if not len(trailing):
                return Decoded(batch, np.arange(len(payloads)), faults)
            self._walk(payloads, trailing.tolist(), faults)
        good = np.array([i for i in range(len(payloads)) if i not in faults], np.int64)
        try:
            batch, trailing = self._reader.read([payloads[i] for i in good.tolist()])
        except pyruhvro_guard.Undecodable:
            return self._fallback.decode(payloads)  # good one by one: too many, or its own fault
        return (
            Decoded(batch, good, faults) if not len(trailing) else self._fallback.decode(payloads)
        )

    def _search(
        self, payloads: Sequence[bytes], start: int, end: int, faults: dict[int, Fault]
    ) -> None:
        try:
            _, trailing = self._reader.read(payloads[start:end])
        except pyruhvro_guard.Undecodable:
            self._halve(payloads, start, end, faults)
        else:
            self._walk(payloads, [start + i for i in trailing.tolist()], faults)

    def _halve(
        self, payloads: Sequence[bytes], start: int, end: int, faults: dict[int, Fault]
    ) -> None:
        if end - start <= _WALK_BELOW:
            self._walk(payloads, range(start, end), faults)
            return
        middle = (start + end) // 2
        self._search(payloads, start, middle, faults)
        self._search(payloads, middle, end, faults)

    def _walk(
        self, payloads: Sequence[bytes], places: Iterable[int], faults: dict[int, Fault]
    ) -> None:
        for i in places:
            fault = self._walker.fault(payloads[i])
            if fault is not None:
                faults[i] = fault
