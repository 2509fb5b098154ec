"""Rows of a file as compact events, by a mapping. A value that cannot be meant is named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from afflux.columns import F64, U64, Bool, Kind
from afflux.event_types import BUILT_IN, EventTypes
from afflux.names import Identity
from afflux.validation import MAX_ID_BYTES
from launcher.data.file_blocks import Block, blocks
from launcher.data.file_times import Times
from launcher.evaluation.basket_log import ITEM, ItemRows, key_of
from launcher.evaluation.errors import FileError, ValueFault
from launcher.evaluation.event_log import EVENT, Events
from launcher.evaluation.mapping import Mapping


class FileEvents:
    """Reads a file once. `identities` is complete when all blocks have been read."""

    def __init__(self, path: Path, mapping: Mapping, types: EventTypes = BUILT_IN) -> None:
        self.identities: list[Identity] = []
        self.share = 0.0
        """How much of the file is read."""
        self.skipped = 0
        """Rows that the mapping says to leave out."""
        self.types_seen: set[str] = set()
        """Event types of its rows."""
        self._path, self._mapping, self._types = path, mapping, types
        self._codes: dict[str, int] = {}
        self._times = Times(mapping.time.column, mapping.time.formats, mapping.time.zone)

    def __iter__(self) -> Iterator[Events]:
        """Events of a block each. Raises FileError, ValueFault."""
        for events, _ in self.with_items():
            yield events

    def with_items(self) -> Iterator[tuple[Events, ItemRows]]:
        """Events of a block each, and what was bought in it: no rows if no items are mapped."""
        m, rows = self._mapping, 0
        texts = [m.time.column] if m.time.formats[0] not in ("epoch_s", "epoch_ms") else []
        for block in blocks(self._path, m.format, m.delimiter, m.columns, texts):
            self.share = block.share
            events, keep = self._events(block)
            rows += len(events)
            yield events, self._items(block, events, keep)
        if not rows:
            raise FileError(f"no row of {self._path} is left by what the mapping says to skip")

    def _events(self, block: Block) -> tuple[Events, Bool]:
        m = self._mapping
        events = np.zeros(block.rows, EVENT)
        keep: Bool = np.ones(block.rows, np.bool_)
        events["ts"] = self._times.millis(block.columns[m.time.column], block.first)
        events["who"] = self._people(block)
        events["kind"] = self._kinds(block, keep)
        events["amount"] = self._numbers(block, m.amount, keep)
        events["quantity"] = self._numbers(block, m.quantity, keep)
        if m.amount_is == "each":
            events["amount"] *= events["quantity"]
        if m.quantity is None and m.transaction is not None:
            events["quantity"] = 1.0
        events["id"] = self._ids(block)
        if keep.all():
            return events, keep
        self.skipped += int(np.count_nonzero(~keep))
        return events[keep], keep

    def _items(self, block: Block, events: Events, keep: Bool) -> ItemRows:
        """Of rows that are kept and are purchases."""
        columns = self._mapping.items
        if columns is None:
            return np.empty(0, ITEM)
        items = np.zeros(len(events), ITEM)
        for name in ("ts", "who"):
            items[name] = events[name]
        if self._mapping.id is not None or self._mapping.transaction is not None:
            items["id"] = events["id"]
        for name, column in (("category", columns.category), ("product", columns.product)):
            if column is not None:
                items[name] = self._keys(block, column)[keep]
        bought: ItemRows = items[self._types.kind[events["kind"]] == Kind.PURCHASE]
        return bought

    def _keys(self, block: Block, column: str) -> U64:
        coded = self._coded(block, column)
        names = coded.dictionary.cast(pa.binary()).to_pylist()
        keys = np.array([key_of(name) for name in names] + [0], np.uint64)
        found: U64 = keys[pc.fill_null(coded.indices, len(names)).to_numpy()]
        return found

    def _people(self, block: Block) -> Any:
        column = self._mapping.identity.column
        coded = self._coded(block, column)
        names = coded.dictionary.to_pylist()
        if "" in names or coded.null_count:
            empty = pc.fill_null(pc.equal(coded.cast(pa.string()), ""), True)
            row = block.first + pc.index(empty, True).as_py()
            raise ValueFault(f"row {row:,} has no identity in column {column!r}")
        codes, known = self._codes, self.identities
        head = self._mapping.identity.namespace.encode() + b":"
        for name in names:
            if name not in codes:
                codes[name] = len(known)
                known.append(self._identity(head, name))
        return np.array([codes[name] for name in names], np.int32)[coded.indices.to_numpy()]

    def _identity(self, head: bytes, name: str) -> Identity:
        data = name.encode()
        if len(data) > MAX_ID_BYTES:
            raise ValueFault(f"the identity {name[:40]!r}... has {len(data)} bytes")
        return Identity(head + data)

    def _kinds(self, block: Block, keep: Bool) -> Any:
        event = self._mapping.event
        if event.column is None:
            assert event.type is not None
            self.types_seen.add(event.type)
            return self._types.codes.get(event.type, Kind.OTHER)
        coded = self._coded(block, event.column)
        kinds = [self._code(name) for name in coded.dictionary.to_pylist()]
        unknown = np.array([k is None for k in kinds] + [True], np.bool_)
        code = pc.fill_null(coded.indices, len(kinds)).to_numpy()
        strange = unknown[code].nonzero()[0]
        if len(strange) and event.other == "stop":
            row = int(strange[0])
            raise ValueFault(
                f"row {block.first + row:,}: {coded[row].as_py()!r} in column {event.column!r} is "
                "no event type",
                hint="name it under `event.types` in the mapping, or say `other: skip` or `keep`",
            )
        if event.other == "skip":
            keep[strange] = False
        return np.array([Kind.OTHER if k is None else k for k in [*kinds, None]], np.uint8)[code]

    def _code(self, value: str) -> int | None:
        """Of a value of the column; None where nobody says what it is."""
        mapped = self._mapping.event.types.get(value)
        name = value if mapped is None else mapped
        code = self._types.codes.get(name, None if mapped is None else int(Kind.OTHER))
        if code is not None:
            self.types_seen.add(name)
        return code

    def _coded(self, block: Block, column: str) -> Any:
        array = block.columns[column]
        if not pa.types.is_dictionary(array.type):
            if pa.types.is_nested(array.type):
                raise FileError(
                    f"column {column!r} has no plain values", hint="name what is inside: a.b"
                )
            array = array.cast(pa.string()).dictionary_encode()
        return array

    def _numbers(self, block: Block, column: str | None, keep: Bool) -> F64 | float:
        if column is None:
            return 0.0
        array = pc.fill_null(self._doubles(block, column), 0.0)
        values: F64 = array.to_numpy(zero_copy_only=False).astype(np.float64)
        if not np.isfinite(values).all():
            row = block.first + int(np.flatnonzero(~np.isfinite(values))[0])
            raise ValueFault(f"row {row:,}: column {column!r} is not finite")
        if values.min(initial=0.0) < 0:
            return self._not_negative(values, block.first, column, keep)
        return values

    def _not_negative(self, values: F64, first: int, column: str, keep: Bool) -> F64:
        below = values < 0
        if self._mapping.negative == "stop":
            row = int(below.nonzero()[0][0])
            raise ValueFault(
                f"row {first + row:,}: {values[row]:g} in column {column!r} is negative",
                hint="`negative: skip` in the mapping leaves such rows out, `zero` counts 0",
            )
        if self._mapping.negative == "skip":
            keep[below] = False
        return np.maximum(values, 0.0)

    def _doubles(self, block: Block, column: str) -> Any:
        array = block.columns[column]
        if not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type)):
            return array.cast(pa.float64())
        if self._mapping.decimal == ",":
            array = pc.replace_substring(pc.replace_substring(array, ".", ""), ",", ".")
        try:
            return pc.utf8_trim_whitespace(array).cast(pa.float64())
        except pa.ArrowInvalid:
            pass
        for row, text in enumerate(block.columns[column].to_pylist(), block.first):
            try:
                float((text or "0") if self._mapping.decimal == "." else "0")
            except ValueError:
                raise ValueFault(
                    f"row {row:,}: {text!r} in column {column!r} is no number",
                    hint='numbers such as 12,50 need `decimal: ","`, others have to be cleaned',
                ) from None
        raise ValueFault(f"rows {block.first:,} and after: column {column!r} has no numbers")

    def _ids(self, block: Block) -> Any:
        """Hashes of the texts that name events; without such a column each row is another one."""
        column = self._mapping.id or self._mapping.transaction
        if column is None:
            return np.arange(block.first, block.first + block.rows, dtype=np.uint64)
        coded = self._coded(block, column)
        if coded.null_count:
            row = block.first + pc.index(pc.is_null(coded), True).as_py()
            raise ValueFault(f"row {row:,} has nothing in column {column!r}, which names events")
        names = coded.dictionary.cast(pa.binary()).to_pylist()
        hashes = np.fromiter(map(xxhash.xxh3_64_intdigest, names), np.uint64, len(names))
        return np.maximum(hashes, np.uint64(1))[coded.indices.to_numpy()]
