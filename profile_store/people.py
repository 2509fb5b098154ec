"""Everybody, as the rules of audiences are asked of them, without a worker."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import numpy as np

from afflux.audiences.profile_columns import ProfileColumns
from afflux.catalog import Catalog
from afflux.merge_policy import Ordering
from afflux.names import Identity
from afflux.position import Position
from profile_store.assemble import attributes_of, merged_rows
from profile_store.audience_store import START, AudienceStore, Place
from profile_store.commands import Command
from profile_store.dataset_store import DatasetShelf
from profile_store.installation import Installation
from profile_store.keys import Keys
from profile_store.layouts import layout_id
from profile_store.link import Link
from profile_store.replies import checked
from profile_store.selection import Selection
from profile_store.stored import Stored, fetch

Frames = AsyncIterator[tuple[Sequence[Identity], ProfileColumns]]

_SCORES = Selection.of(["scores", "attributes"])


async def frames(
    link: Link, keys: Keys, installation: Installation, catalog: Catalog, most: int
) -> Frames:
    """Identities and their frame, at W of the moment, until at least `most` were seen.

    Of somebody whose keys move while they are read, the same may come twice.
    """
    shelf = AudienceStore(link, keys)
    datasets = await DatasetShelf(link).current()
    reading = datasets.reading()
    shards = list(range(keys.shards))
    watermarks = await _watermarks(link, keys)
    place: Place | None = START
    while place is not None and most > 0:
        place, found = await shelf.people(shards, place)
        people = found[:most]
        most -= len(people)
        if people:
            identities = [identity for _, identity in people]
            stored = await fetch(link, keys, identities, _SCORES, reading)
            now = np.array([watermarks[shard] for shard, _ in people], np.int64)
            yield _frame(stored, installation, catalog, now, reading.ordering)


def _frame(
    people: Sequence[Sequence[Stored]],
    installation: Installation,
    catalog: Catalog,
    watermark: np.ndarray[tuple[int], np.dtype[np.int64]],
    ordering: Ordering,
) -> tuple[Sequence[Identity], ProfileColumns]:
    fragment, _ = merged_rows(people, installation, catalog)
    moment = np.maximum(fragment["last_ts"], watermark)
    attributes = [
        attributes_of(person, ordering, w)
        for person, w in zip(people, moment.tolist(), strict=True)
    ]
    known = np.flatnonzero((fragment["last_ts"] > 0) | np.array(list(map(bool, attributes))))
    now = moment[known]
    served, _ = catalog.decode_served([_served(person[0], catalog) for person in people])
    return (
        [people[p][0].identity for p in known.tolist()],
        ProfileColumns(
            catalog, fragment[known], served[known], [attributes[p] for p in known.tolist()], now
        ),
    )


def _served(stored: Stored, catalog: Catalog) -> bytes | None:
    """None also where the scores are of other models than those of now."""
    if stored.served is None or layout_id(stored.served) != catalog.layout:
        return None
    return stored.served


async def _watermarks(link: Link, keys: Keys) -> list[int]:
    """W of each shard, 0 before the first event."""
    commands = [Command(keys.slot(s), ("GET", keys.position(s))) for s in range(keys.shards)]
    found = checked(await link.run(commands), link.name)
    return [_watermark(Position.decode(data)) if data else 0 for data in found]


def _watermark(position: Position) -> int:
    return max([0, *(topic.watermark.value for topic in position.topics[:1])])
