"""What decoded events mention: columns of items and pages to the core's `Mentions`.

A thing is known by its id (SKU, categoryID), else by its name. Of an item's categories the most
specific one counts, which is the last. A page is its name, else its address without the query,
which may say who looks at it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from numpy.typing import NDArray

from afflux.columns import I32, I64, U64
from afflux.mentions import MENTION, MOST_BYTES, NO_MENTIONS, U8, Mentions, Subject
from afflux.segments import every, filled, some
from streams.arrow_numpy import child, elements, lengths, text_ends
from streams.framing import texts

_FEW = 24
"""So few texts are hashed faster one by one than as a dictionary."""

_NO_DATA: U8 = np.empty(0, np.uint8)

_QUERY = r"(?s)[?#].*"


@dataclass(frozen=True, slots=True)
class About:
    """Columns of decoded events in which things are named; None where no event has any."""

    items: Any
    item_row: I32
    details: Any
    """`webPageDetails`, one a row."""


@dataclass(frozen=True, slots=True)
class _Texts:
    """Texts of a column: where each begins in `data`, its bytes (none where null), its hash."""

    at: I64
    size: I64
    data: U8
    column: Any
    chosen: I64 | None = None
    """Which of the column; None: all."""

    @staticmethod
    def of(array: Any, n: int) -> _Texts:
        """N texts."""
        if array is None or array.null_count == len(array):
            return _Texts(filled(n, 0), filled(n, 0), _NO_DATA, None)
        content = array.buffers()[2]
        ends = text_ends(array).astype(np.int64)
        size = ends[1:] - ends[:-1]
        if array.null_count:
            size = np.maximum(lengths(array, n), 0).astype(np.int64)
        data = _NO_DATA if content is None else np.frombuffer(content, np.uint8)
        return _Texts(ends[:-1], size, data, array)

    def take(self, at: I64) -> _Texts:
        """The texts at `at` of a whole column."""
        return _Texts(self.at[at], self.size[at], self.data, self.column, at)

    def hashes(self) -> U64:
        """xxh3-64 of each, never 0; of what is null anything."""
        found = _hashes(self.column)
        return found if self.chosen is None else found[self.chosen]

    def shown(self) -> I64:
        """How many bytes are kept: whole characters of the first."""
        size = np.minimum(self.size, MOST_BYTES)
        long = (self.size > MOST_BYTES).nonzero()[0]
        for _ in range(3 if len(long) else 0):
            size[long] -= (self.data[self.at[long] + size[long]] & 0xC0) == 0x80
        return size


def read_mentions(about: About, n: int) -> Mentions:
    """Of all of n rows."""
    if about.items is None and about.details is None:
        return NO_MENTIONS
    tables, data, size = [], [], 0
    for subject, row, ids, names in _named(about, n):
        table = _known(subject, row, ids, names, size)
        if len(table):
            tables.append(_once(table))
            data += [ids.data, names.data]
            size += len(ids.data) + len(names.data)
    return Mentions(np.concatenate(tables), np.concatenate(data)) if tables else NO_MENTIONS


def _known(subject: Subject, row: I32, ids: _Texts, names: _Texts, at: int) -> NDArray[np.void]:
    """Those with an id or a name; the data of the ids, then that of the names, begins at `at`."""
    given, named = ids.size > 0, names.size > 0
    table = np.empty(len(row), MENTION)
    table["event"], table["subject"] = row, subject
    text = table["text"]
    text["id_at"] = ids.at + at
    text["id_size"] = ids.shown()
    text["name_at"] = names.at + (at + len(ids.data))
    text["name_size"] = names.shown()
    if every(given):
        table["hash"] = ids.hashes()
        return table
    alone = named & ~given
    if some(given):
        table["hash"] = ids.hashes()
    if some(alone):
        table["hash"][alone] = names.hashes()[alone]
        text["id_at"][alone] = text["name_at"][alone]
        text["id_size"][alone] = text["name_size"][alone]
        text["name_size"][alone] = 0
    return table[given | named]


def _named(about: About, n: int) -> Iterator[tuple[Subject, I32, _Texts, _Texts]]:
    """Each subject with rows, ids and names of its things."""
    items, row = about.items, about.item_row
    if items is not None:
        ids, names = child(items, "SKU"), child(items, "name")
        yield Subject.PRODUCT, row, _Texts.of(ids, len(row)), _Texts.of(names, len(row))
        categories = child(items, "productCategories")
        if categories is not None and len(categories.values):
            end = text_ends(categories)
            having = (end[1:] > end[:-1]).nonzero()[0]
            last = end[1:][having].astype(np.int64) - 1
            values = categories.values
            ids, names = child(values, "categoryID"), child(values, "categoryName")
            yield (
                Subject.CATEGORY, row[having], _Texts.of(ids, len(values)).take(last),
                _Texts.of(names, len(values)).take(last),
            )  # fmt: skip
    if about.details is not None:
        every, nothing = np.arange(n, dtype=np.int32), _Texts.of(None, n)
        yield Subject.PAGE, every, _Texts.of(_pages(about.details, n), n), nothing
        yield Subject.SECTION, every, _Texts.of(child(about.details, "siteSection"), n), nothing
        tags, tag_row = elements(child(about.details, "tags"), n)
        if len(tag_row):
            yield Subject.TAG, tag_row, _Texts.of(tags, len(tag_row)), _Texts.of(None, len(tag_row))


def _pages(details: Any, n: int) -> Any:
    names, addresses = child(details, "name"), child(details, "URL")
    named = lengths(names, n) > 0
    if addresses is None or addresses.null_count == n or np.count_nonzero(named) == n:
        return names
    addresses = pc.replace_substring_regex(addresses, _QUERY, "")
    return addresses if names is None else pc.if_else(pa.array(named), names, addresses)


def _hashes(array: Any) -> U64:
    """xxh3-64 of each text, never 0; of what is null anything."""
    if len(array) < _FEW:
        return _of_texts(texts(array))
    coded = array.dictionary_encode()
    if not len(coded.dictionary):
        return np.zeros(len(array), np.uint64)
    codes = np.frombuffer(coded.indices.buffers()[1], np.int32, len(array), 4 * coded.offset)
    if array.null_count:
        codes = np.where(lengths(array, len(array)) >= 0, codes, 0)
    return _of_texts(texts(coded.dictionary))[codes]


def _of_texts(names: list[bytes]) -> U64:
    hashes = np.fromiter(map(xxhash.xxh3_64_intdigest, names), np.uint64, len(names))
    hashes[hashes == 0] = 1
    return hashes


def _once(table: Any) -> Any:
    """Without what an event mentions again."""
    event, thing = table["event"], table["hash"]
    if len(event) < 2 or not np.count_nonzero(event[1:] == event[:-1]):
        return table
    order = np.lexsort((thing, event))
    event, thing = event[order], thing[order]
    again = (event[1:] == event[:-1]) & (thing[1:] == thing[:-1])
    if not np.count_nonzero(again):
        return table
    kept = np.ones(len(order), np.bool_)
    kept[order[1:][again]] = False  # the order is stable: the first of equals stays
    return table[kept]
