"""Any bytes are an event, a control record, or a bad record: never an exception, never lost.

Invariant of the decoder: the offsets of events, controls and bad records are a partition of the
offsets of the batch, whatever the values, keys, headers and timestamps are.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import schemas
from afflux.codes import REJECTED
from streams.bad_records import Limits
from streams.decoding import BadRecord, Decoder
from streams.records import RecordBatch
from wire_cases import NOW, SECRET, Registered, batch, confluent, framed, newer_event, signed
from wire_strategies import damaged, events

LIMITS = Limits(partitions=3, shards=66, max_bytes=2_000)
NEWER = schemas.schema_from_json("ExperienceEvent", newer_event())
REGISTRY = Registered({7: NEWER.json, 8: "no schema"})

identities = st.sampled_from(["crm:1", "crm:2", "crm:", "a:b:c", "\x00", ""]) | st.text(max_size=8)
identities = identities.filter(lambda t: t.isascii())
controls = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["edge", "unlink", "delete", "tick", "other"]),
        "timestamp": st.integers(-(2**63), 2**63 - 1),
        "identity": st.none() | identities,
        "other": st.none() | identities,
    }
).map(lambda row: framed("ControlRecord", row))
attributes = st.fixed_dictionaries(
    {
        "timestamp": st.integers(-(2**63), 2**63 - 1),
        "identityMap": st.just({"crm": [{"id": "1"}]}) | st.just({}),
        "attributes": st.dictionaries(
            st.text(max_size=3), st.floats() | st.integers(-5, 5) | st.booleans(), max_size=3
        ),
    }
).map(lambda row: framed("ProfileAttributes", row))
wild_events = events.flatmap(
    lambda row: st.fixed_dictionaries(
        {
            "timestamp": st.integers(-(2**63), 2**63 - 1) | st.just(row["timestamp"]),
            "_id": st.text(max_size=3).filter(str.isascii) | st.just("x" * 600),
        }
    ).map(lambda more: {**row, **more})
)
event_values = (events | wild_events).map(lambda row: framed("ExperienceEvent", row))
newer_values = events.map(lambda row: confluent(7, NEWER, row))
frames = st.sampled_from(
    [b"", b"\xc3\x01", b"\x00\x00\x00\x00\x07", b"\x00\x00\x00\x00\x08", b"\x00\x00\x00\x00\x09"]
    + [b"\xc3\x01" + schemas.load(name).fingerprint for name in schemas.NAMES]
)
garbage = st.builds(lambda frame, rest: frame + rest, frames, st.binary(max_size=60))
good_values = event_values | newer_values | controls | attributes
values = st.one_of(st.none(), garbage, good_values, damaged(good_values), st.just(b"\xc3" * 2_001))
keys = st.none() | st.binary(max_size=8) | st.sampled_from([b"crm:1", b"crm:2", b""])


@st.composite
def batches(draw: st.DrawFn) -> RecordBatch:
    """Records of any kind in any partition, some with good signatures."""
    found = draw(st.lists(values, max_size=8))
    partition = draw(st.integers(0, 2))
    record_keys = [draw(keys) for _ in found]
    headers: list[Any] = []
    for value, key in zip(found, record_keys, strict=True):
        good = signed(value or b"", key, partition)
        bad: Any = draw(st.sampled_from([(), (("afflux-signature", b"x"),), (("other", None),)]))
        headers.append(good if draw(st.booleans()) else bad)
    time = draw(st.sampled_from([NOW, -1, 0, 2**63 - 1]))
    return batch(found, keys=record_keys, headers=headers, partition=partition, append_time=time)


def decoders() -> list[Decoder]:
    """One of each codec."""
    return [
        Decoder(LIMITS, SECRET, REGISTRY, codec="pyruhvro"),
        Decoder(LIMITS, SECRET, REGISTRY, codec="fastavro"),
    ]


DECODERS = decoders()


def check_bad(records: RecordBatch, bad: list[BadRecord]) -> None:
    """A bad record counts in a shard of its partition, under a code of rejection."""
    for b in bad:
        assert b.shard % LIMITS.partitions == records.partition
        assert 0 <= b.shard < LIMITS.shards
        assert b.code in REJECTED
        assert b.message
    assert [b.offset for b in bad] == sorted(b.offset for b in bad)


@settings(deadline=None)
@given(batches())
def test_events_topic(records: RecordBatch) -> None:
    """Nothing is lost or counted twice, and both codecs give the same."""
    results = []
    for decoder in DECODERS:
        found, bad = decoder.events(records)
        check_bad(records, bad)
        offsets = [*found.events.offset.tolist(), *(c.offset for c in found.controls)]
        assert sorted([*offsets, *(b.offset for b in bad)]) == records.offsets.tolist()
        assert [(r.offset, r.shard, r.code) for r in found.rejected] == [
            (b.offset, b.shard, b.code) for b in bad
        ]
        owned = found.events.identity_hash % LIMITS.partitions
        assert set(owned.tolist()) <= {records.partition}
        results.append((offsets, list(found.events.event_ids), found.controls, bad))
    assert results[0] == results[1]


@settings(deadline=None)
@given(batches())
def test_attributes_topic(records: RecordBatch) -> None:
    """The same for the records of attributes."""
    results = []
    for decoder in DECODERS:
        found, bad = decoder.attributes(records)
        check_bad(records, bad)
        offsets = [r.offset for r in found.records]
        assert sorted([*offsets, *(b.offset for b in bad)]) == records.offsets.tolist()
        results.append((found.records, bad))
    assert results[0] == results[1]
