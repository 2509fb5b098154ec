"""POST /v1/events: everything is judged before anything is produced."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from gateway_rig import Rig, event
from streams.encoding import decode

pytest_plugins = ["gateway_fixtures"]


async def test_events_are_produced_under_their_identity(
    gateway: Rig, http: httpx.AsyncClient
) -> None:
    """One event or a list; key is the primary identity, the value what workers read."""
    two = [event("e-2"), event("e-3", identityMap={"email": [{"id": "x"}]})]
    assert (await http.post("/v1/events", json=event("e-1"))).status_code == 202
    got = await http.post("/v1/events", json=two)
    assert (got.status_code, got.json()) == (202, {"accepted": 2})
    sent = gateway.delivery.sent
    assert [(m.topic, m.key) for m in sent] == [
        ("experience-events", b"crm:1"), ("experience-events", b"crm:1"),
        ("experience-events", b"email:x"),
    ]  # fmt: skip
    values = [decode("ExperienceEvent", m.value or b"") for m in sent]
    assert [v["_id"] for v in values] == ["e-1", "e-2", "e-3"]
    assert values[0]["timestamp"] == 1_767_348_000_000


async def test_all_faults_come_at_once(gateway: Rig, http: httpx.AsyncClient) -> None:
    """Of every event every fault, with its pointer; good ones among them are not produced."""
    faulty: list[Any] = [
        event("good"),
        event("", commerce={"order": {"priceTotal": -1.0}}),
        event("e-2", timestamp="soon", unknown=1, productListItems=[{"quantity": "two"}]),
        event("e-3", timestamp="1900-01-01T00:00:00Z"),
        event("e-4", timestamp="2999-01-01T00:00:00Z"),
        event("e-5", identityMap={"c:m": [{"id": ""}]}),
        "no object",
    ]
    got = await http.post("/v1/events", json=faulty)
    assert got.status_code == 422
    found = {(e["pointer"], e["code"]) for e in got.json()["errors"]}
    assert found == {
        ("/1/_id", "missing_id"),
        ("/1/commerce/order/priceTotal", "negative_money"),
        ("/2/timestamp", "form"),
        ("/2/unknown", "form"),
        ("/2/productListItems/0/quantity", "form"),
        ("/3/timestamp", "timestamp_horizon"),
        ("/4/timestamp", "timestamp_future"),
        ("/5/identityMap/c:m", "invalid_identity"),
        ("/5/identityMap/c:m/0/id", "empty_string"),
        ("/6", "form"),
    }
    assert gateway.delivery.sent == []


async def test_a_single_event_has_pointers_without_a_number(http: httpx.AsyncClient) -> None:
    """They point into the body as it was sent."""
    got = await http.post("/v1/events", json=event(""))
    assert [e["pointer"] for e in got.json()["errors"]] == ["/_id"]


async def test_contradictions_are_409(gateway: Rig, http: httpx.AsyncClient) -> None:
    """Two different events of a person with one _id; the same event twice is one retry."""
    other = event("e-1", commerce={"order": {"priceTotal": 5.0}})
    got = await http.post("/v1/events", json=[event("e-1"), other])
    assert (got.status_code, got.json()["errors"][0]["pointer"]) == (409, "/1/_id")
    assert gateway.delivery.sent == []
    assert (await http.post("/v1/events", json=[event("e-1"), event("e-1")])).status_code == 202


@pytest.mark.parametrize("count", [0, 501])
async def test_how_many_at_once_is_limited(http: httpx.AsyncClient, count: int) -> None:
    """None, and more than the limit, are 422."""
    got = await http.post("/v1/events", json=[event(str(n)) for n in range(count)])
    assert (got.status_code, got.json()["errors"][0]["code"]) == (422, "count")


async def test_large_events_are_told(gateway: Rig, http: httpx.AsyncClient) -> None:
    """What a worker would refuse for its size is refused here."""
    gateway.app.state.context.ingest._settings = type(gateway.app.state.context.settings)(
        event_bytes=60
    )
    got = await http.post("/v1/events", json=event("e" * 100))
    assert (got.status_code, got.json()["errors"][0]["code"]) == (422, "too_large")


async def test_a_broker_that_is_away_is_503(gateway: Rig, http: httpx.AsyncClient) -> None:
    """202 is said only after the acknowledgement."""
    gateway.delivery.away = True
    got = await http.post("/v1/events", json=event())
    assert (got.status_code, got.headers["retry-after"]) == (503, "1")
    gateway.delivery.away = False
    assert (await http.post("/v1/events", json=event())).status_code == 202
