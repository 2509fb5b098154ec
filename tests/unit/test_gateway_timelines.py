"""Timelines over HTTP: pages, what may be asked, who sees what, what is written down of it."""

from __future__ import annotations

import json
import logging

import httpx
import pytest

from gateway_rig import Rig
from store_people import DAY, NOON, fold, keep_events, view

pytest_plugins = ["gateway_fixtures"]

ANN = "/v1/profiles/crm/1/timeline"


async def test_pages_follow_one_another(gateway: Rig, http: httpx.AsyncClient) -> None:
    """Both identities of a person, by time; `next` is null on the last page."""
    await keep_events(gateway.shards, "crm:1", [(0, "commerce.purchases"), (4, "shop.wink")])
    await keep_events(gateway.shards, "email:ann@example.org", [(2, None)])
    first = (await http.get(f"{ANN}?limit=2")).json()
    rest = (await http.get(f"{ANN}?limit=2&cursor={first['next']}")).json()
    assert [e["event_time"] for e in first["events"]] == [NOON, NOON + 2 * DAY]
    assert [e["event_type"] for e in rest["events"]] == ["shop.wink"]
    assert rest["next"] is None
    assert set(first["identities"]) == {"crm:1", "email:ann@example.org"}
    asked = f"{ANN}?from={NOON + 1}&to={NOON + 4 * DAY}"
    assert [e["event_type"] for e in (await http.get(asked)).json()["events"]] == [None]
    both = "type=shop.wink&type=commerce.purchases&newest_first=true"
    found = (await http.get(f"{ANN}?{both}")).json()["events"]
    assert [e["event_type"] for e in found] == ["shop.wink", "commerce.purchases"]


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("limit=0", "limit"), ("limit=1001", "limit"), ("from=x", "from"), ("to=-1", "to"),
        ("cursor=a.b", "cursor"), ("cursor=AAAA", "cursor"), ("newest_first=maybe", "newest_first"),
    ],
)  # fmt: skip
async def test_what_does_not_fit_is_refused(http: httpx.AsyncClient, query: str, name: str) -> None:
    """A 422 problem document that names the parameter."""
    got = await http.get(f"{ANN}?{query}")
    assert got.status_code == 422
    assert got.headers["content-type"] == "application/problem+json"
    assert got.json()["errors"][0]["parameter"] == name


async def test_nobody_has_no_timeline(http: httpx.AsyncClient) -> None:
    """Unknown people are 404; people without kept events have an empty page."""
    assert (await http.get("/v1/profiles/crm/404/timeline")).status_code == 404
    got = await http.get("/v1/profiles/crm/2/timeline")
    assert (got.json()["events"], got.json()["next"]) == ([], None)


async def test_an_id_may_end_as_the_path_does(gateway: Rig, http: httpx.AsyncClient) -> None:
    """`%2Ftimeline` belongs to the id, `/timeline` to the path."""
    await fold(gateway.shards, [view(9, 5, "crm:a/timeline")])
    profile = await http.get("/v1/profiles/crm/a%2Ftimeline")
    assert profile.json()["identities"] == ["crm:a/timeline"]
    assert "events" in (await http.get("/v1/profiles/crm/a%2Ftimeline/timeline")).json()
    assert (await http.get("/v1/profiles/crm/a/timeline")).status_code == 404


async def test_a_key_sees_what_is_of_its_namespaces(gateway: Rig) -> None:
    """Scope, namespace of the question, and of whom an event is."""
    await keep_events(gateway.shards, "crm:1", [(0, None)])
    await keep_events(gateway.shards, "email:ann@example.org", [(1, None)])
    async with gateway.client(gateway.key("query", namespaces=["crm"])) as client:
        found = (await client.get(ANN)).json()
        assert [e["identity"] for e in found["events"]] == ["crm:1", None]
        assert found["identities"] == ["crm:1"]
        other = await client.get("/v1/profiles/email/ann@example.org/timeline")
        assert other.status_code == 403
    async with gateway.client(gateway.key("ingest")) as client:
        assert (await client.get(ANN)).status_code == 403
    async with gateway.client() as client:
        assert (await client.get(ANN)).status_code == 401


async def test_who_read_it_is_in_the_audit_log(
    http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    """By profile id, without a name."""
    with caplog.at_level(logging.INFO, "afflux.audit"):
        got = await http.get(ANN)
    (entry,) = [json.loads(r.getMessage()) for r in caplog.records if r.name == "afflux.audit"]
    assert (entry["action"], entry["fields"]) == ("read", ["timeline"])
    assert entry["profiles"] == [got.json()["profile_id"]]
