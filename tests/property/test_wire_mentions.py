"""What events mention, as columns, is what their rows say; whoever decodes, whoever wrote them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import schemas
from afflux.mentions import MOST_BYTES, Subject
from mention_cases import kept, read, told
from wire_cases import Registered, batch, confluent, event, framed, older_event
from wire_reading import decoder

LONG = "é" * MOST_BYTES

things = st.sampled_from(["", "a", "b", LONG, "x" + LONG, "a?b#c"])
named = st.none() | things
items = st.fixed_dictionaries(
    {
        "SKU": st.none() | things.filter(bool),
        "name": named,
        "productCategories": st.lists(
            st.fixed_dictionaries({"categoryID": named, "categoryName": named}), max_size=2
        ),
    }
)
pages = st.fixed_dictionaries(
    {"name": named, "URL": named, "siteSection": named, "tags": st.lists(things, max_size=3)}
)
webs = st.none() | st.fixed_dictionaries({"webPageDetails": st.none() | pages})
rows = st.builds(
    lambda number, lines, web: event(_id=f"e{number}", productListItems=lines, web=web),
    st.integers(0, 10**6),
    st.lists(items, max_size=4),
    webs,
)
"""Valid events, whose texts often repeat."""


@settings(max_examples=40, deadline=None)
@given(st.lists(rows, min_size=1, max_size=10), st.data())
def test_columns_say_what_the_rows_say(log: list[dict[str, Any]], data: st.DataObject) -> None:
    """By both codecs, also with bad records and records of an older schema between them."""
    older = schemas.schema_from_json("ExperienceEvent", older_event())
    registry = Registered({7: older.json})
    expected, values = [], []
    for row in log:
        match data.draw(st.sampled_from(["now", "now", "before", "bad"])):
            case "bad":
                values.append(framed("ExperienceEvent", {**row, "identityMap": {}}))
            case "before":
                values.append(confluent(7, older, row))
                items = [{**i, "productCategories": []} for i in row["productListItems"]]
                web = row["web"]
                expected.append(told({**row, "productListItems": items, "web": _untagged(web)}))
            case _:
                values.append(framed("ExperienceEvent", row))
                expected.append(told(row))
    first, last = sorted(data.draw(st.tuples(st.integers(0, 10), st.integers(0, 10))))
    for codec in ("pyruhvro", "fastavro"):
        found = decoder(registry=registry, codec=codec).events(batch(values))[0].events
        assert read(found) == expected
        assert read(found.between(first, min(last, len(found)))) == expected[first:last]
        assert read(found.take(np.arange(len(found))[first:last])) == expected[first:last]


def _untagged(web: dict[str, Any] | None) -> dict[str, Any] | None:
    if web is None or web["webPageDetails"] is None:
        return web
    return {**web, "webPageDetails": {**web["webPageDetails"], "tags": []}}


@pytest.mark.parametrize("many", [1, 40], ids=["one", "many"])
def test_an_event_mentions_each_thing_once(many: int) -> None:
    """The most specific category, the id before the name, addresses without what was asked."""
    page = {"name": None, "URL": "https://shop.example/tea?who=anna", "siteSection": "shop"}
    tea = [{"categoryID": "1", "categoryName": "Food"}, {"categoryID": None, "categoryName": "Tea"}]
    items = [
        {"SKU": "s1", "name": "Green", "productCategories": tea},
        {"SKU": "s1", "name": "Green again", "productCategories": tea[:1]},
        {"SKU": None, "name": LONG},
        {"SKU": None, "name": None},
    ]
    row = event(productListItems=items, web={"webPageDetails": {**page, "tags": ["new", "new"]}})
    values = [framed("ExperienceEvent", {**row, "_id": f"e{i}"}) for i in range(many)]
    assert read(decoder().events(batch(values))[0].events) == [told(row)] * many
    assert [(Subject(subject).name, id, name) for subject, _, id, name in told(row)] == [
        ("CATEGORY", b"Tea", b""),
        ("CATEGORY", b"1", b"Food"),
        ("PRODUCT", b"s1", b"Green"),
        ("PRODUCT", kept(LONG), b""),
        ("PAGE", b"https://shop.example/tea", b""),
        ("SECTION", b"shop", b""),
        ("TAG", b"new", b""),
    ]


@pytest.mark.parametrize("codec", ["pyruhvro", "fastavro"])
def test_without_interests_nothing_else_changes(codec: Any) -> None:
    """A worker that keeps no interests reads the same columns, and no mentions."""
    page = {"URL": "https://shop.example/tea", "siteSection": "shop", "tags": ["new"]}
    row = event(productListItems=[{"SKU": "s1", "name": "Tea"}], web={"webPageDetails": page})
    values = [framed("ExperienceEvent", {**row, "_id": f"e{i}"}) for i in range(5)]
    with_them = decoder(codec=codec).events(batch(values))[0].events
    without = decoder(codec=codec, interests=False).events(batch(values))[0].events
    assert len(with_them.mentions)
    assert not len(without.mentions)
    for name in ("timestamp", "identity", "id_hash", "kind", "amount", "quantity"):
        np.testing.assert_array_equal(getattr(without, name), getattr(with_them, name))
    assert without.identities == with_them.identities
