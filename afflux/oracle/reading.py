"""A decoded batch as the records that the oracle takes, in the order of the log."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from heapq import merge
from operator import itemgetter

from afflux.columns import EventColumns
from afflux.event_types import BUILT_IN, FIRST, EventTypes
from afflux.names import Identity
from afflux.oracle.interests import Mention
from afflux.oracle.records import Event
from afflux.oracle.sample import Sample
from afflux.oracle.watching import Passing
from afflux.outcome import Batch, Control

Number = tuple[bytes, int, int]
"""(source, its partition, number)."""

Placed = tuple[int, Event | Control | Passing]
"""A record with its offset."""


def records_of(batch: Batch, sample: Sample, types: EventTypes = BUILT_IN) -> Iterator[Placed]:
    """The events and control records of a batch; of people who are not watched, what moves W.

    Bad records change no row, and are left out. types: those that the columns tell apart.
    """
    controls: list[Placed] = [(c.offset, c) for c in batch.controls]
    events = _events_of(batch.events, sample, types, _numbers_of(batch))
    return merge(events, controls, key=itemgetter(0)) if controls else events


def _events_of(
    e: EventColumns, sample: Sample, types: EventTypes, numbers: Mapping[int, Number]
) -> Iterator[Placed]:
    hashes, people = e.identity_hash.tolist(), e.identity.tolist()
    known = [sample.has(who, hashed) for who, hashed in zip(e.identities, hashes, strict=True)]
    seen = [i for i, person in enumerate(people) if known[person]]
    links, mentions = _links_of(e, set(seen)), _mentions_of(e, set(seen))
    times = zip(e.offset.tolist(), e.timestamp.tolist(), e.append_time.tolist(), strict=True)
    for i, (offset, timestamp, append_time) in enumerate(times):
        person = people[i]
        if not known[person]:
            number = numbers.get(offset)
            yield offset, Passing(timestamp, append_time, hashes[person], number)
            continue
        yield offset, Event(
            offset, timestamp, append_time, e.identities[person], hashes[person], e.event_ids[i],
            int(e.id_hash[i]), int(e.kind[i]), float(e.amount[i]), float(e.quantity[i]),
            tuple(links.get(i, ())), tuple(mentions.get(i, ())), _type_of(e, i, types),
            numbers.get(offset),
        )  # fmt: skip


def _numbers_of(batch: Batch) -> dict[int, Number]:
    if batch.numbered is None:
        return {}
    n = batch.numbered
    rows = zip(n.offset.tolist(), n.source.tolist(), n.number.tolist(), strict=True)
    return {offset: (*n.names[source], number) for offset, source, number in rows}


def _type_of(e: EventColumns, i: int, types: EventTypes) -> str:
    code = -1 if e.code is None else int(e.code[i]) - FIRST
    return types.names[code] if code >= 0 else ""


def _links_of(e: EventColumns, seen: Container[int]) -> dict[int, list[Identity]]:
    links: dict[int, list[Identity]] = {}
    for i, other in zip(e.link_event.tolist(), e.link_identity.tolist(), strict=True):
        if i in seen:
            links.setdefault(i, []).append(e.link_names[other])
    return links


def _mentions_of(e: EventColumns, seen: Container[int]) -> dict[int, list[Mention]]:
    mentions: dict[int, list[Mention]] = {}
    data = e.mentions.data
    for event, subject, hashed, text in e.mentions.table.tolist():
        if event in seen:
            id_at, name_at, id_size, name_size = text
            name = data[name_at : name_at + name_size].tobytes()
            mentions.setdefault(event, []).append(
                Mention(subject, hashed, data[id_at : id_at + id_size].tobytes(), name)
            )
    return mentions
