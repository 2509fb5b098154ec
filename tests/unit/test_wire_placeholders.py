"""Identities that stand for nobody are refused, in events, events over HTTP, and attributes."""

from __future__ import annotations

from typing import Any

import pytest

from afflux.codes import Code
from afflux.validation import Rules
from streams.bad_records import Limits
from streams.decoding import Decoder
from streams.encoding import encode_attributes, encode_events
from streams.intake import take_in
from wire_cases import NOW, batch


def event(id: str, email: str) -> dict[str, Any]:
    """An event of a customer with an e-mail."""
    return {
        "_id": f"e-{email}", "timestamp": NOW,
        "identityMap": {"crm": [{"id": id, "primary": True}], "email": [{"id": email}]},
    }  # fmt: skip


@pytest.mark.parametrize("word", ["null", "NULL", "Undefined", "none", "NaN".capitalize()])
def test_a_placeholder_is_named_with_its_place(word: str) -> None:
    """By the worker and by the gateway alike; good events beside it stay."""
    events = [event("1", "ann@example.org"), event("2", word), event("nullify", "nobody")]
    decoder = Decoder(Limits(1, 64), b"")
    found, bad = decoder.events(batch(encode_events(events), base=0))
    assert len(found.events) == 2
    assert [(b.offset, b.code, b.pointer) for b in bad] == [
        (1, Code.placeholder_identity, "/identityMap/email/0/id")
    ]
    taken, faults = take_in(events, Rules(), 1_000_000, NOW)
    assert not taken
    assert [(f.index, f.pointer, f.code) for f in faults] == [
        (1, "/identityMap/email/0/id", "placeholder_identity")
    ]


def test_attributes_of_nobody_are_refused() -> None:
    """A record of attributes has the same rule."""
    row = {
        "timestamp": NOW, "identityMap": {"crm": [{"id": "null"}]}, "attributes": {"tier": "gold"},
    }  # fmt: skip
    found, bad = Decoder(Limits(1, 64), b"").attributes(batch(encode_attributes([row])))
    assert not found.records
    assert [b.code for b in bad] == [Code.placeholder_identity]


def test_the_words_are_a_setting() -> None:
    """Other words, or none at all."""
    events = encode_events([event("1", "null"), event("2", "guest")])
    _, bad = Decoder(Limits(1, 64, placeholders=frozenset()), b"").events(batch(events, base=0))
    assert not bad
    _, bad = Decoder(Limits(1, 64, placeholders=frozenset({"guest"})), b"").events(
        batch(events, base=0)
    )
    assert [b.offset for b in bad] == [1]
