"""Records of attributes: what is read of them, and what is bad."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

import schemas
from afflux.attributes import AttributePatch, AttributeRecord
from afflux.codes import Code
from afflux.names import Identity
from streams.bad_records import Limits
from streams.encoding import EncodeError, encode_patches
from wire_cases import (
    NOW,
    Registered,
    batch,
    changed,
    confluent,
    event,
    framed,
    partition_of,
)
from wire_reading import decoder

CODECS = ["pyruhvro", "fastavro"]


class TestAttributes:
    """Records of profile-attributes."""

    def test_values(self) -> None:
        """Each type of value arrives as it is, for the primary identity."""
        values = {"text": "ü", "whole": 2**60, "part": 0.1, "yes": True}
        row = {
            "timestamp": NOW - 9,
            "identityMap": {"a": [{"id": "1"}], "b": [{"id": "2", "primary": True}]},
            "attributes": values,
        }
        value = framed("ProfileAttributes", row)
        found, bad = decoder().attributes(batch([value], topic="profile-attributes"))
        assert not bad
        [record] = found.records
        assert isinstance(record, AttributeRecord)
        assert (found.topic, found.base, found.end) == (1, 100, 101)
        assert (record.offset, record.timestamp, record.identity) == (100, NOW - 9, b"b:2")
        assert record.attributes == values
        assert [type(record.attributes[k]) for k in values] == [str, int, float, bool]

    def test_a_null_value_removes(self) -> None:
        """A tombstone is a record without attributes, as of its own timestamp, of its key."""
        records = batch([None], keys=[b"crm:7"], topic="profile-attributes")
        found, bad = decoder().attributes(records)
        assert not bad
        [record] = found.records
        assert isinstance(record, AttributeRecord)
        assert (record.timestamp, record.identity, record.attributes) == (NOW, b"crm:7", {})

    @pytest.mark.parametrize("key", [None, b"", b"crm", b"crm:", b":7", b"7crm:7", b"crm:\xff"])
    def test_a_null_value_of_nobody(self, key: bytes | None) -> None:
        """A tombstone without a readable identity is a bad record."""
        records = batch([None], keys=[key], topic="profile-attributes")
        found, bad = decoder().attributes(records)
        assert not found.records
        assert [b.code for b in bad] == [Code.missing_identity]

    def test_elsewhere(self) -> None:
        """Records and tombstones of another partition are bad."""
        partition = 1 - partition_of(b"crm:4711", 2)
        row = {"timestamp": 5, "identityMap": {"crm": [{"id": "4711"}]}}
        values = [framed("ProfileAttributes", row), None]
        records = batch(values, topic="profile-attributes", partition=partition)
        found, bad = decoder(Limits(partitions=2, shards=64)).attributes(records)
        assert not found.records
        assert [b.code for b in bad] == [Code.wrong_partition] * 2

    def test_an_event_in_the_wrong_topic(self) -> None:
        """An event has all that an attribute record needs, and must not empty the record."""
        values = [framed("ExperienceEvent", event())]
        found, bad = decoder().attributes(batch(values, topic="profile-attributes"))
        assert not found.records
        assert [b.code for b in bad] == [Code.unknown_schema]

    def test_a_writer_without_attributes(self) -> None:
        """A field that an older writer does not have takes its default."""

        def cut(raw: Any) -> None:
            raw["fields"].pop()

        old = schemas.schema_from_json("ProfileAttributes", changed("ProfileAttributes", cut))
        row = {"timestamp": 5, "identityMap": {"crm": [{"id": "4711"}]}}
        records = batch([confluent(1, old, row)], topic="profile-attributes")
        found, bad = decoder(registry=Registered({1: old.json})).attributes(records)
        assert not bad
        [record] = found.records
        assert isinstance(record, AttributeRecord)
        assert record.attributes == {}

    def test_an_old_record_is_still_true(self) -> None:
        """Unlike an event, an attribute record may be older than the horizon."""
        row = {"timestamp": 5, "identityMap": {"crm": [{"id": "4711"}]}}
        values = [framed("ProfileAttributes", row)]
        found, _ = decoder().attributes(batch(values, topic="profile-attributes"))
        assert [r.timestamp for r in found.records] == [5]


class TestPatches:
    """Records of profile-attribute-patches."""

    TOPIC = "profile-attribute-patches"
    WHO: ClassVar[Any] = {"a": [{"id": "1"}], "b": [{"id": "2", "primary": True}]}

    @pytest.mark.parametrize("codec", CODECS)
    def test_values(self, codec: Any) -> None:
        """What is set has its type, what is removed its name, all for the primary identity."""
        row = {
            "timestamp": NOW - 9, "identityMap": self.WHO,
            "upsert": {"text": "ü", "whole": 2**60, "part": 0.1, "yes": True}, "remove": ["x", "y"],
        }  # fmt: skip
        records = batch([framed("ProfileAttributePatch", row)], topic=self.TOPIC)
        found, bad = decoder(codec=codec).attributes(records, 2, contract="ProfileAttributePatch")
        assert not bad
        assert found.topic == 2
        assert found.records == [
            AttributePatch(100, NOW - 9, Identity(b"b:2"), row["upsert"], ["x", "y"])
        ]

    def test_a_null_value_and_a_whole_record_are_no_patches(self) -> None:
        """Nothing is removed by mistake."""
        whole = {"timestamp": NOW, "identityMap": self.WHO, "attributes": {}}
        records = batch([None, framed("ProfileAttributes", whole)], keys=[b"a:1"] * 2)
        found, bad = decoder().attributes(records, 2, contract="ProfileAttributePatch")
        assert not found.records
        assert [b.code for b in bad] == [Code.no_value, Code.unknown_schema]

    def test_fields_of_the_data_set_hold_for_patches(self) -> None:
        """What it does not declare cannot be set; what it had once can be removed."""
        rows = [
            {"timestamp": NOW, "identityMap": self.WHO, "upsert": {"tier": 3}},
            {"timestamp": NOW, "identityMap": self.WHO, "upsert": {"tier": "x"}, "remove": ["old"]},
        ]
        records = batch([framed("ProfileAttributePatch", row) for row in rows])
        contract = "ProfileAttributePatch"
        found, bad = decoder().attributes(records, 2, {"tier": "string"}, contract)
        assert [record.offset for record in found.records] == [101]
        assert [(b.code, b.pointer) for b in bad] == [(Code.invalid_attributes, "/upsert/tier")]

    def test_what_a_worker_would_reject_is_not_encoded(self) -> None:
        """The same rules before anything is sent."""
        row = {"timestamp": NOW, "identityMap": self.WHO}
        for change, pointer in (
            ({}, "/upsert"),
            ({"upsert": {"a": 1}, "remove": ["a"]}, "/remove/0"),
            ({"remove": [""]}, "/remove/0"),
            ({"upsert": {"": 1}}, "/upsert/"),
        ):
            with pytest.raises(EncodeError) as error:
                encode_patches([{**row, **change}])
            assert error.value.pointer == pointer
        assert encode_patches([{**row, "remove": ["a"]}])[0]
