"""Profiles over HTTP: what comes, by which identity, when it has not changed, when it fails."""

from __future__ import annotations

import json

import httpx
import pytest

from gateway_rig import Rig, fixed_scoring
from profile_store import AsyncProfileStore
from store_people import DAY, NOON, describe, fold, purchase

pytest_plugins = ["gateway_fixtures"]

PROBLEM = "application/problem+json"


async def test_the_profile_is_that_of_the_store(gateway: Rig, http: httpx.AsyncClient) -> None:
    """By any identity of the person, all of it, as `ProfileStore` reads it."""
    for namespace, id in (("crm", "1"), ("email", "ann@example.org")):
        got = await http.get(f"/v1/profiles/{namespace}/{id}")
        profile = await AsyncProfileStore(link=gateway.link).get(namespace, id)
        assert profile is not None
        assert got.json() == profile.to_dict()
    assert set(got.json()["identities"]) == {"crm:1", "email:ann@example.org"}
    assert got.json()["scores"]["churn"]["factors"][0]["phrase"]


async def test_fields_are_selected(http: httpx.AsyncClient) -> None:
    """Only what is asked for comes, beside who it is; names with dots are found."""
    got = await http.get("/v1/profiles/crm/1?fields=scores.churn.value,attributes.household.size")
    assert set(got.json()) == {"profile_id", "identities", "as_of", "scores", "attributes"}
    assert set(got.json()["scores"]) == {"churn"}
    assert set(got.json()["scores"]["churn"]) == {"value"}
    assert got.json()["attributes"] == {"household.size": 3}


async def test_an_etag_lasts_as_long_as_what_is_stored(
    gateway: Rig, http: httpx.AsyncClient
) -> None:
    """304 while nothing changed; another ETag after a change, for other fields and other times."""
    first = await http.get("/v1/profiles/crm/2")
    tag = first.headers["etag"]
    for given in (tag, f'"x", W/{tag}', "*"):
        again = await http.get("/v1/profiles/crm/2", headers={"If-None-Match": given})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
    others = {
        (await http.get(f"/v1/profiles/crm/2?{query}")).headers["etag"]
        for query in ("fields=scores", "fields=attributes", "at=1800000000000")
    }
    assert len({tag, *others}) == 4
    await describe(gateway.shards, "crm:2", 3, {"tier": "silver"})
    changed = await http.get("/v1/profiles/crm/2", headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.json()["attributes"] == {"tier": "silver"}
    assert changed.headers["etag"] != tag


async def test_an_answer_at_hand_is_never_older_than_the_store(
    gateway: Rig, http: httpx.AsyncClient
) -> None:
    """The second answer comes from memory, the one after a change does not."""
    for _ in range(2):
        assert (await http.get("/v1/profiles/crm/3")).status_code == 404
    await fold(gateway.shards, [purchase(9, 5, "crm:3", 10)])
    assert (await http.get("/v1/profiles/crm/3")).json()["engagement"]["purchases"] == 1


async def test_fresh_scores_are_made_for_the_time_asked_for(
    gateway: Rig, http: httpx.AsyncClient
) -> None:
    """As the store makes them, alone and in a lookup; with an ETag of their own and of the time."""
    at = NOON + 40 * DAY
    served = await http.get("/v1/profiles/crm/1")
    got = await http.get(f"/v1/profiles/crm/1?fresh=true&at={at}")
    reader = AsyncProfileStore(link=gateway.link, scoring=fixed_scoring)
    expected = await reader.get("crm", "1", at=at, fresh=True)
    assert expected is not None
    assert got.json() == expected.to_dict()
    churn, before = got.json()["scores"]["churn"], served.json()["scores"]["churn"]
    assert (churn["event_time"], churn["event_id"], got.json()["at"]) == (at, "", at)
    assert (churn["previous"], churn["value"] != before["value"]) == (before["value"], True)
    asked = {"people": [{"namespace": "crm", "id": "1"}], "at": at, "fresh": True}
    assert (await http.post("/v1/profiles/lookup", json=asked)).json()["profiles"] == [got.json()]
    tags = {served.headers["etag"], got.headers["etag"]}
    for query in (f"at={at}", "fresh=true", f"fresh=true&at={at + 1}"):
        tags.add((await http.get(f"/v1/profiles/crm/1?{query}")).headers["etag"])
    assert len(tags) == 5
    same = {"If-None-Match": got.headers["etag"]}
    again = await http.get(f"/v1/profiles/crm/1?fresh=true&at={at}", headers=same)
    assert again.status_code == 304


@pytest.mark.parametrize("id", ["a%2Fb", "a%20b%3Fc", "%C3%A9t%C3%A9", "a:b", "%2e%2e%2fx"])
async def test_any_id_can_be_asked_for(gateway: Rig, http: httpx.AsyncClient, id: str) -> None:
    """Slashes, question marks, letters of all languages: percent-encoded in the path."""
    plain = str(httpx.QueryParams(f"id={id}")["id"])
    await fold(gateway.shards, [purchase(9, 5, f"crm:{plain}", 10)])
    got = await http.get(f"/v1/profiles/crm/{id}")
    assert got.json()["identities"] == [f"crm:{plain}"]


async def test_many_at_once(gateway: Rig, http: httpx.AsyncClient) -> None:
    """In the order of the question, null where nothing is known, in one round trip a hop."""
    await http.get("/v1/profiles/crm/2")
    gateway.link.calls = 0
    people = [{"namespace": "crm", "id": id} for id in ("2", "8", "2")]
    got = await http.post("/v1/profiles/lookup", json={"people": people, "fields": ["scores"]})
    found = got.json()["profiles"]
    assert [p and p["identities"] for p in found] == [["crm:2"], None, ["crm:2"]]
    assert gateway.link.calls == 1


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/profiles/crm/404", 404),
        (f"/v1/profiles/crm/{'x' * 600}", 404),
        ("/v1/profiles/9crm/1", 422),
        ("/v1/profiles/crm/1?fields=secrets", 422),
        ("/v1/profiles/crm/1?fields=", 422),
        ("/v1/profiles/crm/1?at=-1", 422),
        ("/v1/profiles/crm/1?at=tomorrow", 422),
        ("/v1/profiles/crm/1?fresh=very", 422),
        ("/v1/nothing", 404),
    ],
)
async def test_what_is_wrong_is_a_problem(http: httpx.AsyncClient, path: str, status: int) -> None:
    """RFC 9457 with the same status inside."""
    got = await http.get(path)
    assert (got.status_code, got.headers["content-type"]) == (status, PROBLEM)
    assert got.json()["status"] == status
    assert got.json()["type"] == "about:blank"


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({}, 422, "/people"),
        ({"people": []}, 422, "/people"),
        ({"people": [{"namespace": "crm"}]}, 422, "/people/0/id"),
        ({"people": [{"namespace": "c:m", "id": "1"}]}, 422, "/people/0/namespace"),
        ({"people": [{"namespace": "crm", "id": "x" * 513}]}, 422, "/people/0/id"),
        ({"people": [{"namespace": "crm", "id": "1"}] * 201}, 422, "/people"),
        ({"people": [{"namespace": "crm", "id": "1"}], "fields": ["x"]}, 422, "/fields/0"),
        ({"people": [{"namespace": "crm", "id": "1"}], "more": 1}, 422, "/more"),
        ([], 422, ""),
    ],
)
async def test_lookups_name_the_member_at_fault(
    http: httpx.AsyncClient, body: object, status: int, pointer: str
) -> None:
    """With a JSON pointer; what was sent is not repeated."""
    got = await http.post("/v1/profiles/lookup", json=body)
    assert got.status_code == status
    assert pointer in [error["pointer"] for error in got.json()["errors"]]


async def test_bodies_have_limits(http: httpx.AsyncClient) -> None:
    """413 by what is announced and by what comes, 415 for other types, 400 for no JSON."""
    path, large = "/v1/profiles/lookup", b" " * 1_000_001

    async def chunks() -> object:
        for _ in range(20):
            yield b" " * 100_000

    json_type = {"Content-Type": "application/json"}
    for content in (large, chunks()):
        got = await http.post(path, content=content, headers=json_type)  # type: ignore[arg-type]
        assert got.status_code == 413
    got = await http.post(path, content=b"a=1", headers={"Content-Type": "text/plain"})
    assert got.status_code == 415
    got = await http.post(path, content=b"{}", headers={**json_type, "Content-Encoding": "gzip"})
    assert got.status_code == 415
    for text in (b"{", b"\xff", b"NaN", b"[" * 200_000, b"9" * 5_000):
        got = await http.post(path, content=text, headers=json_type)
        assert got.status_code in (400, 422), text[:10]
        assert got.headers["content-type"] == PROBLEM


async def test_a_store_that_is_away_is_503(gateway: Rig, http: httpx.AsyncClient) -> None:
    """With Retry-After; it works again when the store is back, and readiness says so."""
    gateway.shards.available = False
    got = await http.get("/v1/profiles/crm/1")
    assert (got.status_code, got.headers["retry-after"]) == (503, "1")
    assert (await http.get("/v1/models")).status_code == 503
    assert (await http.get("/health/ready")).status_code == 503
    assert (await http.get("/health/live")).status_code == 200
    gateway.shards.available = True
    assert (await http.get("/v1/profiles/crm/1")).status_code == 200
    assert (await http.get("/health/ready")).json() == {"profiles": True, "score_updates": True}


async def test_answers_are_kept_up_to_a_limit(gateway: Rig, http: httpx.AsyncClient) -> None:
    """The least lately asked for goes first."""
    reading = gateway.app.state.context.profiles
    reading._recent._most = 2
    for id in ("1", "2", "1", "7"):
        await http.get(f"/v1/profiles/crm/{id}")
    bodies = [answer.body for answer in reading._recent._answers.values()]
    assert [body and json.loads(body)["identities"][0] for body in bodies] == ["crm:1", None]


async def test_models_and_their_quality(gateway: Rig, http: httpx.AsyncClient) -> None:
    """Each with what it predicts; without a snapshot before it has learned."""
    models = (await http.get("/v1/models")).json()["models"]
    assert [(m["name"], m["kind"], m["snapshot"]) for m in models] == [
        ("churn", "probability", None),
        ("lifetime_value", "amount", None),
    ]
    assert (await http.get("/v1/models/nothing")).status_code == 404


async def test_a_merge_policy_is_chosen_by_name(http: httpx.AsyncClient) -> None:
    """An ETag of its own for each; in a lookup, too; what there is not is named."""
    path = "/v1/profiles/email/ann%40example.org"
    usual = await http.get(path)
    alone = await http.get(f"{path}?merge_policy=unstitched")
    ranked = await http.get(f"{path}?merge_policy=dataset-precedence")
    unknown = await http.get(f"{path}?merge_policy=newest")
    odd = await http.get(f"{path}?merge_policy=A%20B")
    person = {"namespace": "email", "id": "ann@example.org"}
    body = {"people": [person], "merge_policy": "unstitched"}
    many = await http.post("/v1/profiles/lookup", json=body)
    assert usual.json()["identities"] == ["email:ann@example.org", "crm:1"]
    assert alone.json()["identities"] == ["email:ann@example.org"]
    assert many.json()["profiles"] == [alone.json()]
    assert ranked.json() == usual.json()
    assert len({r.headers["etag"] for r in (usual, alone, ranked)}) == 3
    assert (unknown.status_code, odd.status_code) == (422, 422)
    assert "timestamp-ordered" in unknown.json()["errors"][0]["detail"]


async def test_similar_people(gateway: Rig, http: httpx.AsyncClient) -> None:
    """By cluster where nobody has interests; 404, 422 as for profiles; ids may end in /similar."""
    got = await http.get("/v1/profiles/crm/1/similar")
    assert got.status_code == 200
    assert got.json() == {
        "by": "cluster", "sample": 2, "cluster": None, "opted_out": False, "people": [],
    }  # fmt: skip
    assert "private" in got.headers["cache-control"]
    assert (await http.get("/v1/profiles/crm/nobody/similar")).status_code == 404
    for wrong in ("by=taste", "limit=0", "limit=101"):
        assert (await http.get(f"/v1/profiles/crm/1/similar?{wrong}")).status_code == 422
    assert (await http.get("/v1/profiles/crm/a%2Fsimilar")).status_code == 404
    await describe(gateway.shards, "crm:a/similar", 1, {"tier": "odd"})
    got = await http.get("/v1/profiles/crm/a%2Fsimilar")
    assert got.json()["attributes"] == {"tier": "odd"}
    key = gateway.key("query", namespaces=["email"])
    async with gateway.client(key) as client:
        assert (await client.get("/v1/profiles/crm/1/similar")).status_code == 403
        got = await client.get("/v1/profiles/email/ann@example.org/similar?by=interests")
        assert got.json()["people"] == []
