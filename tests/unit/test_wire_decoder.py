"""Records to events, control records and bad records: every example, every rule."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import xxhash

import schemas
from afflux.codes import REJECTED, Code
from afflux.columns import Kind
from afflux.shards import murmur2
from streams.bad_records import Limits
from streams.records import Headers
from streams.registry import RegistryUnavailable
from wire_cases import (
    NOW,
    Registered,
    batch,
    bytes_example,
    confluent,
    event,
    framed,
    framed_by,
    newer_event,
    older_event,
    partition_of,
    signed,
)
from wire_reading import decoder, read

CODECS = ["pyruhvro", "fastavro"]
INPUTS = ("ExperienceEvent", "ControlRecord", "ProfileAttributes", "ProfileAttributePatch")
TOPICS = {
    "ProfileAttributes": "profile-attributes", "ProfileAttributePatch": "profile-attribute-patches",
}  # fmt: skip
ROWS = [e for name in INPUTS for e in schemas.examples(name)]
BYTES = list(schemas.examples("bytes"))


def headers_of(example: schemas.Example, value: bytes) -> Headers:
    """Control records are signed, but for those that show what happens without."""
    if example.schema != "ControlRecord" or example.reason == "control_unsigned":
        return ()
    return signed(value)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("example", ROWS, ids=lambda e: f"{e.schema}-{e.name}")
def test_examples(example: schemas.Example, codec: Any) -> None:
    """Every example is accepted, or rejected with the code in its file's name and a place."""
    value = framed(example.schema, example.value)
    topic = TOPICS.get(example.schema, "experience-events")
    records = batch([value], topic=topic, headers=[headers_of(example, value)])
    good, bad = read(records, decoder(codec=codec))
    assert [b.code.name for b in bad] == ([example.reason] if example.reason else [])
    assert good == (0 if example.reason else 1)
    if example.reason not in ("", "control_unsigned"):
        assert bad[0].pointer
        assert bad[0].message


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("example", BYTES, ids=lambda e: e.name)
def test_examples_of_bytes(example: schemas.Example, codec: Any) -> None:
    """The same for faults that no value of the schema can show."""
    value = bytes_example(example.value)
    partition = partition_of(b"crm:4711", 2) ^ example.value.get("partition", 0)
    attributes = example.reason == "invalid_attributes"
    topic = "profile-attributes" if attributes else "experience-events"
    records = batch([value], topic=topic, partition=partition)
    good, bad = read(records, decoder(Limits(partitions=2, shards=64), codec=codec))
    assert [b.code.name for b in bad] == ([example.reason] if example.reason else [])
    assert good == (0 if example.reason else 1)


def test_every_code_has_an_example() -> None:
    """No rule without an example; the two codes of later stages have none here."""
    shown = {e.reason for e in [*ROWS, *BYTES]} - {""}
    assert {c.name for c in REJECTED} - shown == {"internal", "deleted_identity"}


@pytest.mark.parametrize("codec", CODECS)
def test_columns(codec: Any) -> None:
    """What the core sees of three events: people, kinds, money, units, links, hashes."""
    purchase = event(
        _id="a",
        identityMap={
            "ECID": [{"id": "x"}],
            "crm": [{"id": "1"}, {"id": "2", "primary": True}],
        },
        commerce={"order": {"priceTotal": 10.0}},
        productListItems=[{"quantity": 2, "priceTotal": 3.0}, {"quantity": 1}],
    )
    view = event(_id="b", eventType="web.webpagedetails.pageViews", timestamp=NOW - 5)
    summed = event(
        _id="ç",
        eventType="unheard.of",
        identityMap={"crm": [{"id": "2"}], "ECID": [{"id": "x"}, {"id": "x"}]},
        productListItems=[{"priceTotal": 0.1}, {"priceTotal": 0.2}, {}],
    )
    found, bad = decoder(codec=codec).events(
        batch([framed("ExperienceEvent", e) for e in (purchase, view, summed)])
    )
    events = found.events
    assert not bad
    assert (found.topic, found.base, found.end) == (0, 100, 103)
    assert events.offset.tolist() == [100, 101, 102]
    assert events.timestamp.tolist() == [NOW - 1000, NOW - 5, NOW - 1000]
    assert events.append_time.tolist() == [NOW] * 3
    assert list(events.identities) == [b"crm:2", b"crm:4711"]
    assert events.identity.tolist() == [0, 1, 0]
    assert events.identity_hash.tolist() == murmur2([b"crm:2", b"crm:4711"]).tolist()
    assert list(events.event_ids) == ["a", "b", "ç"]
    assert events.id_hash.tolist() == [
        xxhash.xxh3_64_intdigest(i.encode()) for i in events.event_ids
    ]
    assert events.kind.tolist() == [Kind.PURCHASE, Kind.PAGE_VIEW, Kind.OTHER]
    assert events.amount.tolist() == [10.0, 0.0, 0.1 + 0.2]
    assert events.quantity.tolist() == [3.0, 0.0, 0.0]
    links = [
        (e, events.link_names[i])
        for e, i in zip(events.link_event.tolist(), events.link_identity.tolist(), strict=True)
    ]
    assert links == [(0, b"ECID:x"), (0, b"crm:1"), (2, b"ECID:x")]
    dtypes = {
        "offset": np.int64,
        "timestamp": np.int64,
        "append_time": np.int64,
        "identity": np.int32,
        "identity_hash": np.uint32,
        "id_hash": np.uint64,
        "kind": np.uint8,
        "amount": np.float64,
        "quantity": np.float64,
        "link_event": np.int32,
        "link_identity": np.int32,
    }
    assert {name: getattr(events, name).dtype for name in dtypes} == dtypes


def test_the_key_does_not_matter_for_an_event() -> None:
    """The identity in the value decides, whatever the producer used as key."""
    found, bad = decoder().events(batch([framed("ExperienceEvent", event())], keys=[None]))
    assert not bad
    assert list(found.events.identities) == [b"crm:4711"]


def test_bad_ones_between_good_ones() -> None:
    """Bad records do not disturb their neighbours; both lists are in the order of the log."""
    values = [
        framed("ExperienceEvent", event(_id="a")),
        b"{}",
        framed("ExperienceEvent", event(_id="")),
        framed("ExperienceEvent", event(_id="b"))[:-2],
        None,
        framed("ExperienceEvent", event(_id="c", commerce={"order": {"priceTotal": math.nan}})),
        framed("ExperienceEvent", event(_id="d")),
    ]
    found, bad = decoder().events(batch(values))
    assert found.events.offset.tolist() == [100, 106]
    assert list(found.events.event_ids) == ["a", "d"]
    assert [(b.offset, b.code, b.pointer) for b in bad] == [
        (101, Code.unknown_frame, ""),
        (102, Code.missing_id, "/_id"),
        (103, Code.truncated, "/marketing"),
        (104, Code.no_value, ""),
        (105, Code.not_finite_money, "/commerce/order/priceTotal"),
    ]
    assert [(r.offset, r.shard, r.code) for r in found.rejected] == [
        (b.offset, b.shard, b.code) for b in bad
    ]
    fingerprint = schemas.load("ExperienceEvent").fingerprint.hex()
    assert [b.schema_id for b in bad] == ["", *[f"0x{fingerprint}"] * 2, "", f"0x{fingerprint}"]


@pytest.mark.parametrize("codec", CODECS)
def test_older_and_newer_writers_in_one_batch(codec: Any) -> None:
    """Records of three schema versions in both framings come out alike, in the order of the log."""
    old = schemas.schema_from_json("ExperienceEvent", older_event())
    new = schemas.schema_from_json("ExperienceEvent", newer_event())
    current = schemas.load("ExperienceEvent")
    known = {s.fingerprint: s for s in (old, new, current)}
    registry = Registered({1: old.json, 2: current.json, 3: new.json})
    order = {"order": {"priceTotal": 2.5}}
    more = {"order": {"priceTotal": 3.5}, "loyalty": 7.0}
    items = [{"SKU": "a", "priceTotal": 1.0, "quantity": 2, "tags": ["x"]}]
    plain = [{k: v for k, v in i.items() if k != "tags"} for i in items]
    values = [
        framed_by(new, event(_id="0", commerce=more, productListItems=items, channel="web")),
        framed_by(old, event(_id="1", productListItems=plain)),
        confluent(2, current, event(_id="2", commerce=order, custom={"a": 1})),
        confluent(1, old, event(_id="3", commerce={"promotionID": "p"})),
        confluent(3, new, event(_id="4", commerce=more, identityMap={"a": [{"id": "0"}]})),
        framed_by(current, event(_id="5", identityMap={"z": [{"id": "1"}, {"id": "2"}]})),
        framed_by(old, event(_id="6", identityMap={"a": [{"id": "0"}], "z": [{"id": "2"}]})),
    ]
    at = decoder(registry=registry, codec=codec, lookup=known.get)
    found, bad = at.events(batch(values))
    events = found.events
    assert not bad
    assert events.offset.tolist() == list(range(100, 107))
    assert list(events.event_ids) == [str(i) for i in range(7)]
    assert events.amount.tolist() == [3.5, 1.0, 2.5, 0.0, 3.5, 0.0, 0.0]
    assert events.quantity.tolist() == [2.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    assert list(events.identities) == [b"crm:4711", b"a:0", b"z:1"]
    assert events.identity.tolist() == [0, 0, 0, 0, 1, 2, 1]
    assert events.link_event.tolist() == [5, 6]
    assert [events.link_names[i] for i in events.link_identity.tolist()] == [b"z:2", b"z:2"]
    at.events(batch(values))
    assert sorted(registry.asked) == [1, 2, 3]


def test_schemas_that_a_registry_should_not_have() -> None:
    """Unknown ids, other contracts and types that are not safe are faults of the records."""
    text = schemas.load("ExperienceEvent").json
    registry = Registered(
        {
            1: schemas.load("ScoreUpdate").json,
            2: text.replace(
                '"name": "_id",\n      "type": "string"', '"name": "_id", "type": "bytes"'
            ),
            3: "not a schema",
        }
    )
    values = [b"\x00" + i.to_bytes(4, "big") + b"payload" for i in (1, 2, 3, 4)]
    _, bad = decoder(registry=registry).events(batch(values))
    assert {b.code for b in bad} == {Code.unknown_schema}
    assert [b.schema_id for b in bad] == ["1", "2", "3", "4"]
    assert "the record is named ScoreUpdate" in bad[0].message
    assert "'bytes' is not supported" in bad[1].message
    assert "not JSON" in bad[2].message
    assert "no Avro schema 4" in bad[3].message


def test_a_registry_that_is_away() -> None:
    """An outage is raised to be retried: no good record becomes a dead letter."""

    class Away:
        def schema(self, schema_id: int) -> str | None:
            raise RegistryUnavailable("connection refused")

    with pytest.raises(RegistryUnavailable):
        decoder(registry=Away()).events(batch([b"\x00\x00\x00\x00\x01payload"]))


class TestPartitions:
    """Which events a partition takes, and where bad records count."""

    limits = Limits(partitions=4, shards=64)

    def people(self, partition: int, count: int = 3) -> list[str]:
        """Ids whose identity lives in a partition."""
        ids = (str(i) for i in range(10_000))
        mine = [i for i in ids if partition_of(f"crm:{i}".encode(), 4) == partition]
        return mine[:count]

    def shard(self, identity: bytes) -> int:
        """Shard of an identity or key."""
        return int(murmur2([identity])[0]) % 64

    def test_only_its_own(self) -> None:
        """An event of someone else's partition is bad; the others keep nothing of its person."""
        [a, b, _], [x, y, _] = self.people(2), self.people(1)
        people = [a, x, b, y, a]
        values = [
            framed(
                "ExperienceEvent",
                event(_id=str(n), identityMap={"crm": [{"id": i}], "w": [{"id": i}]}),
            )
            for n, i in enumerate(people)
        ]
        keys = [f"crm:{a}".encode()] * 5
        found, bad = decoder(self.limits).events(batch(values, partition=2, keys=keys))
        events = found.events
        assert [(r.offset, r.code) for r in bad] == [
            (101, Code.wrong_partition),
            (103, Code.wrong_partition),
        ]
        assert {r.shard for r in bad} == {self.shard(keys[0])}
        assert list(events.event_ids) == ["0", "2", "4"]
        assert list(events.identities) == [f"crm:{a}".encode(), f"crm:{b}".encode()]
        assert list(events.link_names) == [f"w:{a}".encode(), f"w:{b}".encode()]
        assert events.identity.tolist() == events.link_identity.tolist() == [0, 1, 0]
        assert len(events.identity_hash) == 2

    def test_shard_of_a_bad_record(self) -> None:
        """By its identity; else by its key if the partition owns it; else the partition's first."""
        [mine, other, _], [foreign, *_] = self.people(3), self.people(0)
        bad_money = event(
            identityMap={"crm": [{"id": mine}]}, commerce={"order": {"priceTotal": -1.0}}
        )
        values = [framed("ExperienceEvent", bad_money), b"junk", b"junk", b"junk"]
        keys = [
            f"crm:{other}".encode(),
            f"crm:{other}".encode(),
            f"crm:{foreign}".encode(),
            None,
        ]
        _, bad = decoder(self.limits).events(batch(values, partition=3, keys=keys))
        expected = [self.shard(f"crm:{mine}".encode()), self.shard(f"crm:{other}".encode()), 3, 3]
        assert [b.shard for b in bad] == expected
        assert {s % 4 for s in expected} == {3}

    def test_a_control_record_of_another_partition(self) -> None:
        """A signed control record counts only where its identity lives."""
        [foreign, *_] = self.people(0)
        row = {"kind": "delete", "timestamp": NOW, "identity": f"crm:{foreign}"}
        value = framed("ControlRecord", row)
        headers = signed(value, b"k", 3)
        records = batch([value], partition=3, keys=[b"k"], headers=[headers])
        found, bad = decoder(self.limits).events(records)
        assert not found.controls
        assert [b.code for b in bad] == [Code.wrong_partition]


def test_many_bytes_are_decoded_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch of many bytes is decoded in several calls, to the same columns."""
    values = [framed("ExperienceEvent", event(_id=f"{i:03}")) for i in range(50)]
    values[20] = values[20][:-1]
    whole, bad = decoder().events(batch(values))
    monkeypatch.setattr("streams.decoding.CHUNK_BYTES", 300)
    parts, bad_again = decoder().events(batch(values))
    assert bad == bad_again
    assert list(parts.events.event_ids) == list(whole.events.event_ids)
    assert parts.events.offset.tolist() == whole.events.offset.tolist()
    assert parts.events.identities == whole.events.identities
    assert parts.events.identity.tolist() == whole.events.identity.tolist()


def test_no_records() -> None:
    """An empty batch is an empty batch: only its range counts."""
    found, bad = decoder().events(batch([], base=7))
    assert (len(found.events), found.base, found.end, bad) == (0, 7, 7, [])


@pytest.mark.parametrize(
    "limits",
    [{"partitions": 0, "shards": 64}, {"partitions": 3, "shards": 64},
     {"partitions": 1, "shards": 64, "max_bytes": 1 << 30}],
)  # fmt: skip
def test_limits_that_cannot_hold(limits: dict[str, Any]) -> None:
    """Shards that a partition does not own whole, and messages that no codec takes."""
    with pytest.raises(ValueError, match=r"partitions|max_bytes"):
        Limits(**limits)
