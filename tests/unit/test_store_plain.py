"""Fast forms against slow ones: plain values of profiles, fields of rows, scores in percent."""

from __future__ import annotations

import dataclasses
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from afflux.catalog import Catalog
from afflux.identity import Edges
from afflux.names import EpochMs, EventId, Identity, ModelName
from afflux.scoring import points
from gateway_rig import Rig
from models import default_models
from profile_store import AsyncProfileStore
from profile_store.profile import Factor, OpenExample, Score, _plain
from profile_store.row_fields import RowFields
from profile_store.served import _percent
from profile_store.stored import LinksSeen
from store_people import write

pytest_plugins = ["gateway_fixtures"]

SCORE = Score(
    ModelName("churn"), "no purchase", "0" * 16, 0.25, 25, 40, "low", True,
    (Factor("recency", "lately", 0.5, 1.0), Factor("tenure", "long", -0.5)), None,
    Identity(b"crm:\xff"), EventId("e"), EpochMs(7), 3, (0.5, 2.0),
)  # fmt: skip
EXAMPLE = OpenExample(
    ModelName("churn"), Identity(b"crm:1"), EpochMs(1), EpochMs(2), EpochMs(3), None, "0"
)


def slowly(value: Any) -> Any:
    """As `dataclasses.asdict` has it, with identities as text and lists for tuples."""
    if isinstance(value, dict):
        return {key: slowly(inner) for key, inner in value.items()}
    if isinstance(value, (tuple, list)):
        return [slowly(inner) for inner in value]
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value


@pytest.mark.parametrize("value", [SCORE, EXAMPLE], ids=["score", "example"])
def test_plain_values_are_those_of_all_fields(value: Any) -> None:
    """The same members in the same order, whatever is nested in them."""
    expected = slowly(dataclasses.asdict(value))
    assert _plain(value) == expected
    assert list(_plain(value)) == list(expected)


def test_fields_are_those_of_numpy() -> None:
    """Every field of fragments and served rows, of random bytes."""
    catalog = Catalog(default_models())
    random = np.random.default_rng(3)
    for dtype in (catalog.fragment, catalog.served):
        fields, data = RowFields(dtype), random.bytes(dtype.itemsize)
        (row,) = np.frombuffer(data, dtype)
        for name in dtype.names or ():
            expected = np.ravel(row[name]).tolist()
            np.testing.assert_array_equal(list(fields.flat(name, data)), expected, name)
        with pytest.raises(struct.error):
            fields.flat((dtype.names or ())[-1], data[:-40])


@given(value=st.floats(width=32))
def test_percent_is_that_of_the_core(value: float) -> None:
    """To the point, also half-way between two, below 0, above 1, and not a number."""
    amount = np.array([False])
    expected = points(np.array([value], np.float32), np.zeros(1, np.uint8), amount)
    if value == value:
        assert _percent(value) == int(expected[0])


def test_links_are_a_guess_of_bounded_size() -> None:
    """The last ones asked for stay; who is alone again is forgotten."""
    seen = LinksSeen(2)
    a, b, c, d = (Identity(b"crm:%d" % n) for n in range(4))
    for start in (a, b, c):
        seen.saw([start, d])
    assert [seen.guess(one) for one in (a, b, c)] == [[a], [b, d], [c, d]]
    seen.saw([c])
    assert seen.guess(c) == [c]
    seen.clear()
    assert seen.guess(b) == [b]


async def test_linked_identities_take_one_round_trip_from_the_second_time_on(gateway: Rig) -> None:
    """The profile is the same, and a link that is cut is seen at once."""
    async with AsyncProfileStore(link=gateway.link) as store:
        first = await store.get("crm", "1")
        before = gateway.link.calls
        assert await store.get("crm", "1") == first
        assert gateway.link.calls == before + 1
        assert first is not None
        assert len(first.identities) == 2
        await write(gateway.shards, edges={i: Edges().encode() for i in first.identities})
        alone = await store.get("crm", "1")
        assert alone is not None
        assert alone.identities == (b"crm:1",)
