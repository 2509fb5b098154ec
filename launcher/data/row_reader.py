"""Rows of a file in the shape that events are made of; what cannot be meant is told apart.

The columns mean what they mean to `afflux evaluate` (`file_events.py`). There the first wrong value
stops; here its row is left out and named.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from numpy.typing import NDArray

from afflux.columns import F64, KIND_OF_EVENT_TYPE, U64
from afflux.validation import MAX_AMOUNT, MAX_ID_BYTES, Rules
from launcher.data.file_blocks import Block
from launcher.data.file_times import Times
from launcher.data.row_faults import RowFault, Sieve
from launcher.evaluation.errors import FileError, ValueFault
from launcher.evaluation.mapping import Mapping

OTHER = "other"
"""Event type of rows that name none, where the mapping keeps them."""

_TEXTS = {
    "sku": "items.product", "category": "items.category", "campaign": "campaign.name",
    "campaign_group": "campaign.group", "code": "campaign.code", "promotion": "campaign.coupon",
}  # fmt: skip
"""Column of a row -> key of the mapping, of texts that may be missing."""


@dataclass(frozen=True)
class Read:
    """What came of a block. rows: by file order, in the shape of `RowReader.schema`."""

    rows: pa.Table
    faults: list[RowFault]
    skipped: int
    """Rows that the mapping says to leave out."""


class RowReader:
    """Reads the blocks of one file, one after another. now: wall clock, ms."""

    def __init__(self, mapping: Mapping, rules: Rules, now: int, file: int = 0) -> None:
        self._mapping, self._rules, self._now, self._file = mapping, rules, now, file
        self._times = Times(mapping.time.column, mapping.time.formats, mapping.time.zone)
        self._parts = {n: c for n, key in _TEXTS.items() if (c := mapping.columns.get(key))}
        grouped = mapping.transaction is not None or mapping.duplicates == "drop"
        self.grouped = grouped
        """Whether rows have a `group`: of line items of one event, or of rows that are alike."""

    def read(self, block: Block) -> Read:
        """Rows of a block. Raises ValueFault where no row of a column can be read, FileError."""
        m = self._mapping
        sieve = Sieve(block.first, block.rows)
        skip = np.zeros(block.rows, np.bool_)
        columns: dict[str, Any] = {"person": self._person(block, sieve)}
        columns["ts"] = self._stamps(block, sieve)
        columns["type"] = self._types(block, sieve, skip)
        name = m.id or m.transaction
        if name is not None:
            columns["name"] = self._names(block, name, sieve)
        for key, column in (("amount", m.amount), ("quantity", m.quantity)):
            if column is not None:
                columns[key] = self._numbers(block, column, sieve, skip)
        if m.amount_is == "each":
            columns["amount"] = columns["amount"] * columns["quantity"]
        for name, column in self._parts.items():
            columns[name] = _text(block.columns[column], column)
        kept = sieve.good & ~skip
        columns["row"] = np.arange(block.first, block.first + block.rows)
        columns["file"] = np.full(block.rows, self._file, np.int16)
        if self.grouped:
            columns["group"] = _group(columns, m)
        table = pa.table({n: pa.array(v, from_pandas=True) if isinstance(v, np.ndarray) else v
                          for n, v in columns.items()})  # fmt: skip
        if not kept.all():
            table = table.filter(pa.array(kept))
        faults = sorted(sieve.faults, key=lambda f: f.row)
        return Read(table, faults, int(np.count_nonzero(skip & sieve.good)))

    def _person(self, block: Block, sieve: Sieve) -> Any:
        column = self._mapping.identity.column
        coded = _coded(block.columns[column], column)
        names: list[str] = coded.dictionary.to_pylist()
        code = pc.fill_null(coded.indices, len(names)).to_numpy()
        text = block.columns[column]
        words = self._rules.placeholders
        checks: list[tuple[str, list[bool], str]] = [
            ("missing_identity", [not n for n in names] + [True], "nobody is named"),
            ("placeholder_identity", [n.lower() in words for n in names] + [False],
             "the identifier stands for nobody"),
            ("too_large", [_is_long(n) for n in names] + [False],
             f"an identifier has at most {MAX_ID_BYTES} bytes"),
        ]  # fmt: skip
        for reason, bad, message in checks:
            if any(bad):
                sieve.reject(np.array(bad)[code], reason, column, text, message)
        return coded.cast(pa.string())

    def _stamps(self, block: Block, sieve: Sieve) -> NDArray[np.int64]:
        column = self._mapping.time.column
        values = block.columns[column]
        if pa.types.is_string(values.type):
            values = pc.utf8_trim_whitespace(values)
            values = pc.if_else(pc.equal(values, ""), pa.scalar(None, pa.string()), values)
        empty = _nulls(values)
        if empty.any():
            sieve.reject(empty, "no_time", column, values, "there is no time")
        stamps: NDArray[np.int64] = sieve.read(column, values, self._times.millis, np.int64(0))
        late = stamps > self._now + self._rules.skew_ms
        early = stamps < self._now - self._rules.horizon_ms
        if late.any():
            sieve.reject(late, "timestamp_future", column, values, "the time is in the future")
        if early.any():
            days = self._rules.horizon_ms // 86_400_000
            sieve.reject(
                early, "timestamp_horizon", column, values, f"more than {days:,} days ago",
                "AFFLUX_LIMITS_HORIZON_DAYS says how old events may be; workers need the same",
            )  # fmt: skip
        return stamps

    def _types(self, block: Block, sieve: Sieve, skip: NDArray[np.bool_]) -> Any:
        event = self._mapping.event
        if event.column is None:
            return _repeated(event.type, block.rows)
        coded = _coded(block.columns[event.column], event.column)
        values: list[str] = coded.dictionary.to_pylist()
        types = [event.types.get(v, v) for v in values]
        strange = np.array([t not in KIND_OF_EVENT_TYPE for t in types] + [True])
        code = pc.fill_null(coded.indices, len(values)).to_numpy()
        if strange[code].any() and event.other == "stop":
            sieve.reject(
                strange[code], "unknown_event_type", event.column, block.columns[event.column],
                "no event type",
                "name it under `event.types` in the mapping, or say `other: skip` or `keep`",
            )  # fmt: skip
        elif event.other == "skip":
            skip |= strange[code]
        named = pa.array([t or OTHER for t in types] + [OTHER])
        return pa.DictionaryArray.from_arrays(pa.array(code.astype(np.int32)), named).cast(
            pa.string()
        )

    def _names(self, block: Block, column: str, sieve: Sieve) -> Any:
        texts = _text(block.columns[column], column)
        empty = _nulls(texts)
        if empty.any():
            sieve.reject(empty, "missing_id", column, texts, "nothing names the event")
        large = pc.fill_null(pc.greater(pc.binary_length(texts), MAX_ID_BYTES), False).to_numpy(
            zero_copy_only=False
        )
        if large.any():
            message = f"an id has at most {MAX_ID_BYTES} bytes"
            sieve.reject(large, "too_large", column, texts, message)
        return texts

    def _numbers(self, block: Block, column: str, sieve: Sieve, skip: NDArray[np.bool_]) -> F64:
        array = block.columns[column]
        values: F64 = sieve.read(column, array, _doubles(column, self._mapping.decimal), 0.0)
        infinite = ~np.isfinite(values)
        if infinite.any():
            sieve.reject(infinite, "not_finite", column, array, "not a finite number")
            values = np.where(infinite, 0.0, values)
        large = np.abs(values) > MAX_AMOUNT
        if large.any():
            sieve.reject(large, "too_large", column, array, f"at most {MAX_AMOUNT:g}")
        below = values < 0
        if below.any():
            if self._mapping.negative == "stop":
                sieve.reject(
                    below, "negative", column, array, "below zero",
                    "`negative: skip` in the mapping leaves such rows out, `zero` counts 0",
                )  # fmt: skip
            elif self._mapping.negative == "skip":
                skip |= below
            values = np.maximum(values, 0.0)
        return values


def _doubles(column: str, decimal: str) -> Callable[[Any, int], Any]:
    def read(array: Any, first: int) -> Any:
        if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
            array = pc.utf8_trim_whitespace(array)
            if decimal == ",":
                array = pc.replace_substring(pc.replace_substring(array, ".", ""), ",", ".")
            array = pc.if_else(pc.equal(array, ""), pa.scalar(None, array.type), array)
        try:
            numbers = array.cast(pa.float64())
        except pa.ArrowInvalid:
            raise ValueFault(
                f"row {first:,}: {array[0].as_py()!r} in column {column!r} is no number",
                'numbers such as 12,50 need `decimal: ","`, others have to be cleaned',
                "no_number",
            ) from None
        return pc.fill_null(numbers, 0.0).to_numpy(zero_copy_only=False)

    return read


def _group(columns: MappingOf[str, Any], mapping: Mapping) -> U64:
    """Rows of one event have the same number: person and transaction, or all that is mapped."""
    if mapping.transaction is not None:
        parts = ["person", "name"]
    else:
        parts = [n for n in columns if n not in ("row", "ts")]
    found = np.zeros(len(columns["row"]), np.uint64)
    for name in parts:
        found = found * np.uint64(0x9E3779B97F4A7C15) ^ _hashes(columns[name])
    return found


def _hashes(column: Any) -> U64:
    if isinstance(column, np.ndarray):
        bits = np.ascontiguousarray(column.astype(np.float64)).view(np.uint64)
        return (bits ^ bits >> np.uint64(29)) * np.uint64(0xBF58476D1CE4E5B9)
    coded = column.dictionary_encode()
    names = coded.dictionary.cast(pa.binary()).to_pylist()
    hashes = np.fromiter(map(xxhash.xxh3_64_intdigest, names), np.uint64, len(names))
    hashes = np.append(hashes, np.uint64(0))
    found: U64 = hashes[pc.fill_null(coded.indices, len(names)).to_numpy()]
    return found


def _coded(array: Any, column: str) -> Any:
    if pa.types.is_dictionary(array.type):
        return array
    return _text(array, column, empty=True).dictionary_encode()


def _text(array: Any, column: str, empty: bool = False) -> Any:
    """As texts; the empty one is none, if it is not kept."""
    if pa.types.is_nested(array.type):
        raise FileError(f"column {column!r} has no plain values", hint="name what is inside: a.b")
    texts = array.cast(pa.string())
    if empty or not pc.any(pc.equal(texts, "")).as_py():
        return texts
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)


def _nulls(array: Any) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = array.is_null().to_numpy(zero_copy_only=False)
    return found


def _is_long(text: str) -> bool:
    return len(text.encode()) > MAX_ID_BYTES


def _repeated(text: str | None, rows: int) -> Any:
    codes = pa.array(np.zeros(rows, np.int32))
    return pa.DictionaryArray.from_arrays(codes, pa.array([text])).cast(pa.string())
