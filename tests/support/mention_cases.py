"""What an event mentions, told from its row in plain Python."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import xxhash

from afflux.columns import EventColumns
from afflux.mentions import MOST_BYTES, Subject

Told = tuple[int, int, bytes, bytes]
"""subject, hash, id and name as they are kept."""


def told(row: Mapping[str, Any]) -> list[Told]:
    """Things that the event is about, each once, sorted by subject, else in their order."""
    found: dict[tuple[int, int], Told] = {}
    for subject, id, name in sorted(_named(row), key=lambda named: named[0]):
        known = id or name
        if known:
            hashed = xxhash.xxh3_64_intdigest(known.encode()) or 1
            thing = (int(subject), hashed, kept(known), kept(name or "") if id else b"")
            found.setdefault(thing[:2], thing)
    return list(found.values())


def _named(row: Mapping[str, Any]) -> Iterator[tuple[Subject, str | None, str | None]]:
    for item in row.get("productListItems", ()):
        yield Subject.PRODUCT, item.get("SKU"), item.get("name")
        for category in item.get("productCategories", ())[-1:]:
            yield Subject.CATEGORY, category.get("categoryID"), category.get("categoryName")
    page = (row.get("web") or {}).get("webPageDetails") or {}
    address = re.split(r"[?#]", page.get("URL") or "")[0]
    yield Subject.PAGE, page.get("name") or address, None
    yield Subject.SECTION, page.get("siteSection"), None
    for tag in page.get("tags", ()):
        yield Subject.TAG, tag, None


def kept(text: str) -> bytes:
    """The first whole characters."""
    return text.encode()[:MOST_BYTES].decode("utf-8", "ignore").encode()


def read(events: EventColumns) -> list[list[Told]]:
    """What the columns say of each event."""
    mentions, found = events.mentions, [[] for _ in range(len(events))]  # type: ignore[var-annotated]
    for row in mentions.table:
        id_at, name_at, id_size, name_size = row["text"].tolist()
        id = mentions.data[id_at : id_at + id_size].tobytes()
        name = mentions.data[name_at : name_at + name_size].tobytes()
        found[row["event"]].append((int(row["subject"]), int(row["hash"]), id, name))
    return [sorted(things, key=lambda thing: thing[0]) for things in found]
