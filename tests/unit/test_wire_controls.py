"""Control records: signed ones are read, others are bad records."""

from __future__ import annotations

from typing import Any

import pytest

from afflux.codes import Code
from afflux.names import Identity
from afflux.shards import murmur2
from streams.decoding import Decoder
from wire_cases import (
    LIMITS,
    NOW,
    batch,
    event,
    framed,
    signed,
)
from wire_reading import decoder

CODECS = ["pyruhvro", "fastavro"]


class TestControls:
    """Control records."""

    def test_fields(self) -> None:
        """Every field of a derived edge and of a tick arrives, between events, by offset."""
        edge = {
            "kind": "edge",
            "timestamp": 5,
            "identity": "crm:4711",
            "other": "email:a:b",
            "eventId": "e9",
            "origin": {"shard": 12, "offset": 800, "rank": 1},
        }
        values = [
            framed("ControlRecord", edge),
            framed("ExperienceEvent", event()),
            framed("ControlRecord", {"kind": "tick", "timestamp": 77}),
        ]
        records = batch(values, headers=[signed(v or b"") for v in values])
        found, bad = decoder().events(records)
        assert not bad
        a, b = found.controls
        assert (a.kind, a.offset, a.timestamp, a.append_time) == ("edge", 100, 5, NOW)
        assert (a.identity, a.other, a.event_id) == (b"crm:4711", b"email:a:b", "e9")
        assert a.identity_hash == int(murmur2([Identity(b"crm:4711")])[0])
        assert a.origin == (12, 800, 1)
        assert (b.kind, b.offset, b.timestamp, b.identity, b.other) == ("tick", 102, 77, None, None)
        assert b.identity_hash == 0
        assert found.events.offset.tolist() == [101]

    @pytest.mark.parametrize(
        "headers",
        [
            (),
            (("afflux-signature", b""),),
            (("afflux-signature", bytes(32)),),
            (("afflux-signature", None),),
        ],
    )
    def test_unsigned(self, headers: Any) -> None:
        """Without the right signature nothing of the record is believed."""
        value = framed("ControlRecord", {"kind": "tick", "timestamp": 1})
        found, bad = decoder().events(batch([value], headers=[headers]))
        assert not found.controls
        assert [b.code for b in bad] == [Code.control_unsigned]

    def test_without_a_secret(self) -> None:
        """A decoder without a secret accepts no control record at all."""
        value = framed("ControlRecord", {"kind": "tick", "timestamp": 1})
        records = batch([value], headers=[signed(value)])
        assert [b.code for b in Decoder(LIMITS, b"").events(records)[1]] == [Code.control_unsigned]

    def test_damaged_but_signed(self) -> None:
        """A signature does not make bytes a record."""
        value = framed("ControlRecord", {"kind": "tick", "timestamp": 1}) + b"\x00"
        _, bad = decoder().events(batch([value], headers=[signed(value)]))
        assert [b.code for b in bad] == [Code.control_invalid]
        assert "trailing_bytes" in bad[0].message

    def test_not_in_attributes(self) -> None:
        """In the compacted topic there are no control records."""
        value = framed("ControlRecord", {"kind": "tick", "timestamp": 1})
        records = batch([value], headers=[signed(value)], topic="profile-attributes")
        assert [b.code for b in decoder().attributes(records)[1]] == [Code.unknown_schema]
