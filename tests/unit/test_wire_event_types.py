"""The event types that models name, from Avro to codes."""

from __future__ import annotations

from typing import Any

import pytest

from afflux.columns import Kind
from afflux.event_types import FIRST, EventTypes
from wire_cases import batch, event, framed
from wire_reading import decoder

NAMED = EventTypes.of(["acme.demoBooked", "commerce.productViews"])
TYPES = ["acme.demoBooked", "commerce.purchases", "commerce.productViews", "acme.other", None]
KINDS = [Kind.OTHER, Kind.PURCHASE, Kind.PRODUCT_VIEW, Kind.OTHER, Kind.OTHER]
CODES = [FIRST, Kind.PURCHASE, FIRST + 1, Kind.OTHER, Kind.OTHER]


@pytest.mark.parametrize("codec", ["pyruhvro", "fastavro"])
@pytest.mark.parametrize("times", [1, 20])
def test_named_types_have_codes(codec: Any, times: int) -> None:
    """In small batches and large ones; the kind of a named type stays what it is."""
    rows = [event(_id=f"e{i}", eventType=name) for i, name in enumerate(TYPES * times)]
    records = batch([framed("ExperienceEvent", row) for row in rows])
    found = decoder(codec=codec, types=NAMED).events(records)[0].events
    assert found.kind.tolist() == KINDS * times
    assert found.codes.tolist() == CODES * times
    taken = found.take(found.kind == Kind.OTHER)
    assert taken.codes.tolist() == [FIRST, Kind.OTHER, Kind.OTHER] * times
    assert found.between(1, 3).codes.tolist() == [Kind.PURCHASE, FIRST + 1]


def test_nothing_is_kept_where_no_type_is_named() -> None:
    """Then the kinds are the codes."""
    records = batch([framed("ExperienceEvent", event(eventType=TYPES[0]))])
    found = decoder().events(records)[0].events
    assert found.code is None
    assert found.codes is found.kind
