"""Records of several partitions decoded in one call come out as decoded one partition at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from afflux.columns import EventColumns
from streams.bad_records import Limits
from streams.records import RecordBatch
from wire_cases import batch, event, framed, partition_of
from wire_reading import decoder

LIMITS = Limits(partitions=2, shards=64)
PEOPLE: list[list[str]] = [[], []]
for n in range(40):
    PEOPLE[partition_of(b"crm:%d" % n, 2)].append(str(n))


def shopping(number: int, name: str, links: Sequence[str] = ()) -> bytes:
    """An event of somebody of this partition."""
    who = PEOPLE[number][len(name) % 3]
    identities: dict[str, Any] = {"crm": [{"id": who, "primary": True}]}
    if links:
        identities["email"] = [{"id": link} for link in links]
    return framed("ExperienceEvent", event(_id=f"{number}-{name}", identityMap=identities))


def records(number: int, values: Sequence[bytes], base: int) -> RecordBatch:
    """Consecutive records of a partition."""
    return batch(values, partition=number, base=base)


def told(events: EventColumns) -> list[tuple[object, ...]]:
    """Each event with its identities by name."""
    links: dict[int, list[bytes]] = {}
    for e, k in zip(events.link_event.tolist(), events.link_identity.tolist(), strict=True):
        links.setdefault(e, []).append(events.link_names[k])
    who = events.identity.tolist()
    return [
        (
            int(events.offset[i]), int(events.timestamp[i]), int(events.append_time[i]),
            events.identities[who[i]], int(events.identity_hash[who[i]]), int(events.id_hash[i]),
            events.event_ids[i], int(events.kind[i]), float(events.amount[i]),
            float(events.quantity[i]), links.get(i, []),
        )
        for i in range(len(events))
    ]  # fmt: skip


GOOD = [
    records(0, [shopping(0, "a"), shopping(0, "bb", ["x@y"]), shopping(0, "c")], 7),
    records(1, [shopping(1, "a", ["x@y", "z@y"]), shopping(1, "a")], 90),
]
FAULTY = {
    "not a frame": records(1, [shopping(1, "a"), b"{}"], 90),
    "no value": batch([None], partition=1, base=90),
    "another partition's person": records(1, [shopping(0, "a")], 90),
    "a rule is broken": records(1, [framed("ExperienceEvent", event(_id=""))], 90),
    "empty": records(1, [], 90),
}


@pytest.mark.parametrize("codec", ["pyruhvro", "fastavro"])
def test_good_records_of_two_partitions(codec: Any) -> None:
    """Offsets, people, links and the ends of the batches."""
    both = decoder(LIMITS, codec=codec).events_of(GOOD)
    for (together, bad), one in zip(both, GOOD, strict=True):
        alone, _ = decoder(LIMITS, codec=codec).events(one)
        assert told(together.events) == told(alone.events)
        assert (together.base, together.end, bad) == (alone.base, alone.end, [])


@pytest.mark.parametrize("other", FAULTY.values(), ids=FAULTY.keys())
def test_a_bad_record_beside_good_ones(other: RecordBatch) -> None:
    """The bad record counts where it did, and the other partition notices nothing."""
    both = decoder(LIMITS).events_of([GOOD[0], other])
    for (together, bad), one in zip(both, [GOOD[0], other], strict=True):
        alone, alone_bad = decoder(LIMITS).events(one)
        assert told(together.events) == told(alone.events)
        assert bad == alone_bad
        assert list(together.rejected) == list(alone.rejected)
