"""Every route without a key, with a wrong one, with too narrow a one; nothing personal in logs."""

from __future__ import annotations

import json
import logging
import stat
from pathlib import Path

import httpx
import pytest

from gateway.key_file import KeyFile, KeyFileDamaged
from gateway.keys import KeyRing, Scope, new_key
from gateway_rig import SECRET, Rig, event, people, rig
from streams.privacy.receipts import Place, Receipt

pytest_plugins = ["gateway_fixtures"]

OPEN = {("GET", "/health/live"), ("GET", "/health/ready")}
RECEIPT = Receipt(1, (Place(0, 7, 1),)).encode(SECRET)
LINK = {
    "one": {"namespace": "crm", "id": "1"},
    "other": {"namespace": "email", "id": "ann@example.org"},
}
ROUTES = {
    ("GET", "/v1/profiles/{namespace}/{id}"): ("/v1/profiles/crm/1", "query"),
    ("GET", "/v1/profiles/{namespace}/{id}/similar"): ("/v1/profiles/crm/1/similar", "query"),
    ("GET", "/v1/profiles/{namespace}/{id}/timeline"): ("/v1/profiles/crm/1/timeline", "query"),
    ("POST", "/v1/profiles/lookup"): ("/v1/profiles/lookup", "query"),
    ("GET", "/v1/recommendations/{namespace}/{id}"): ("/v1/recommendations/crm/1", "query"),
    ("GET", "/v1/models"): ("/v1/models", "query"),
    ("GET", "/v1/models/{name}"): ("/v1/models/churn", "query"),
    ("GET", "/v1/audiences"): ("/v1/audiences", "query"),
    ("GET", "/v1/clusters"): ("/v1/clusters", "query"),
    ("GET", "/v1/forecasts"): ("/v1/forecasts", "query"),
    ("POST", "/v1/audiences/preview"): ("/v1/audiences/preview", "admin"),
    ("GET", "/v1/audiences/{name}"): ("/v1/audiences/buyers", "query"),
    ("PUT", "/v1/audiences/{name}"): ("/v1/audiences/buyers", "admin"),
    ("DELETE", "/v1/audiences/{name}"): ("/v1/audiences/buyers", "admin"),
    ("GET", "/v1/audiences/{name}/members"): ("/v1/audiences/buyers/members", "query"),
    ("GET", "/v1/audiences/{name}/overlap/{other}"): (
        "/v1/audiences/buyers/overlap/buyers",
        "query",
    ),
    ("GET", "/v1/scores/stream"): ("/v1/scores/stream", "query"),
    ("POST", "/v1/events"): ("/v1/events", "ingest"),
    ("GET", "/v1/privacy/{namespace}/{id}"): ("/v1/privacy/crm/1", "privacy"),
    ("DELETE", "/v1/privacy/{namespace}/{id}"): ("/v1/privacy/crm/1", "privacy"),
    ("GET", "/v1/privacy/receipts/{receipt}"): (f"/v1/privacy/receipts/{RECEIPT}", "privacy"),
    ("PUT", "/v1/consent/{namespace}/{id}"): ("/v1/consent/crm/1", "privacy"),
    ("GET", "/v1/identities/{namespace}/{id}"): ("/v1/identities/crm/1", "admin"),
    ("POST", "/v1/identities/link"): ("/v1/identities/link", "admin"),
    ("POST", "/v1/identities/unlink"): ("/v1/identities/unlink", "admin"),
    ("GET", "/v1/keys"): ("/v1/keys", "admin"),
}
"""Route -> a path of it, and the scope that it needs."""

BODIES = {
    "/v1/profiles/lookup": {"people": [{"namespace": "crm", "id": "1"}]},
    "/v1/events": event(),
    "/v1/consent/crm/1": {"scoring": False},
    "/v1/identities/link": LINK,
    "/v1/identities/unlink": LINK,
    "/v1/audiences/preview": {"rule": "true"},
    "/v1/audiences/buyers": {"rule": "has(events.purchases.last)"},
}


@pytest.fixture
async def guarded(tmp_path: Path) -> Rig:
    """A gateway with a key that nobody uses; streams end at once."""
    made = rig(tmp_path, stream_s=0.01)
    await people(made.shards)
    await made.save("buyers", "has(events.purchases.last)")
    made.key("privacy")
    return made


async def ask(made: Rig, method: str, path: str, key: str | None) -> httpx.Response:
    """One request; what a delete deletes is there."""
    if method == "DELETE":
        await made.save("buyers", "has(events.purchases.last)")
    async with made.client(key) as client:
        return await client.request(method, path, json=BODIES.get(path))


def test_all_routes_are_tested(gateway: Rig) -> None:
    """Each operation of the OpenAPI page is open on purpose, or in the table here."""
    page = gateway.app.openapi()
    found = {(m.upper(), path) for path, item in page["paths"].items() for m in item}
    assert found == OPEN | set(ROUTES)
    for (method, path), (_, scope) in ROUTES.items():
        assert page["paths"][path][method.lower()]["security"] == [{"apiKey": [scope]}]


@pytest.mark.parametrize(("method", "route"), sorted(ROUTES))
async def test_no_key_wrong_key_narrow_key(guarded: Rig, method: str, route: str) -> None:
    """401, 401, 403, and an answer for the right one; faulty bodies are not even looked at."""
    path, scope = ROUTES[method, route]
    right = guarded.key(scope)
    others = [s for s in Scope if s != scope]
    stranger = new_key("x", [scope], (), 1)[1]
    wrong = [None, "", "nonsense", right[:-1], right[:-1] + "!", f"{right}x", stranger]
    for key in wrong:
        got = await ask(guarded, method, path, key)
        assert got.status_code == 401, key
        assert got.headers["www-authenticate"].startswith("Bearer")
        assert got.headers["content-type"] == "application/problem+json"
    for other in others:
        assert (await ask(guarded, method, path, guarded.key(other))).status_code == 403
    got = await ask(guarded, method, path, right)
    assert got.status_code in (200, 202), got.text
    assert (await ask(guarded, method, path, guarded.key(*Scope))).status_code < 300


@pytest.mark.parametrize(("method", "route"), sorted(ROUTES))
async def test_a_revoked_key_is_none(guarded: Rig, method: str, route: str) -> None:
    """As soon as the file says so."""
    path, scope = ROUTES[method, route]
    key = guarded.key(scope)
    assert (await ask(guarded, method, path, key)).status_code < 300
    assert guarded.keys.remove(key.split("_")[1])
    assert (await ask(guarded, method, path, key)).status_code == 401


async def test_the_key_is_checked_before_the_body(guarded: Rig) -> None:
    """A body without end is not read from somebody who may not send it."""
    read = 0

    async def endless() -> object:
        nonlocal read
        while True:
            read += 1
            yield b" " * 1000

    async with guarded.client() as client:
        got = await client.post("/v1/events", content=endless())  # type: ignore[arg-type]
    assert got.status_code == 401
    assert read <= 1


async def test_other_schemes_are_no_keys(guarded: Rig) -> None:
    """Only Bearer counts."""
    key = guarded.key("query")
    for text in (f"Basic {key}", key, f"Bearer{key}", "Bearer"):
        async with guarded.client() as client:
            got = await client.get("/v1/models", headers={"Authorization": text})
        assert got.status_code == 401, text


async def test_a_key_of_a_namespace_sees_only_that(guarded: Rig) -> None:
    """Other namespaces are 403, in paths, lookups, events and streams, and left out of answers."""
    key = guarded.key("query", "ingest", namespaces=["crm"])
    async with guarded.client(key) as client:
        profile = (await client.get("/v1/profiles/crm/1")).json()
        assert profile["identities"] == ["crm:1"]
        assert "ann@example.org" not in json.dumps(profile)
        people = [{"namespace": n, "id": "1"} for n in ("crm", "email")]
        found = await client.post("/v1/profiles/lookup", json={"people": people[:1]})
        assert found.json()["profiles"][0]["identities"] == ["crm:1"]
        for got in (
            await client.get("/v1/profiles/email/ann@example.org"),
            await client.post("/v1/profiles/lookup", json={"people": people}),
            await client.post("/v1/events", json=event(identityMap={"email": [{"id": "x"}]})),
            await client.get("/v1/scores/stream?profile=email:x"),
        ):
            assert got.status_code == 403
        assert (await client.post("/v1/events", json=event())).status_code == 202
    async with guarded.client(guarded.key("query")) as client:
        whole = await client.get("/v1/profiles/crm/1")
    assert len(whole.json()["identities"]) == 2


async def test_rates_are_limited_by_key(tmp_path: Path) -> None:
    """429 with Retry-After for the one who asks too much; others go on. Guessing is limited too."""
    made = rig(tmp_path, requests_per_s=0.001, burst=2)
    await people(made.shards)
    one, other = made.key("query"), made.key("query")
    codes = [(await ask(made, "GET", "/v1/models", one)).status_code for _ in range(3)]
    assert codes == [200, 200, 429]
    got = await ask(made, "GET", "/v1/models", one)
    assert int(got.headers["retry-after"]) > 100
    assert (await ask(made, "GET", "/v1/models", other)).status_code == 200
    codes = [(await ask(made, "GET", "/v1/models", "guess")).status_code for _ in range(3)]
    assert codes == [401, 401, 429]


async def test_keys_are_shown_without_what_lets_them_in(guarded: Rig) -> None:
    """Names and scopes, neither secret nor hash."""
    key = guarded.key("admin", "query", namespaces=["crm"])
    got = await ask(guarded, "GET", "/v1/keys", key)
    _, id, secret = key.split("_", 2)
    [entry] = [entry for entry in got.json()["keys"] if entry["id"] == id]
    assert entry["scopes"] == ["admin", "query"]
    assert entry["namespaces"] == ["crm"]
    assert secret not in got.text
    assert not [key for key in guarded.keys.ring().keys if key.hashed in got.text]


def test_keys_are_hashed_at_rest(tmp_path: Path) -> None:
    """The file has no secret, only its owner may read it, and it gives the same keys back."""
    file = KeyFile(tmp_path / "deep" / "keys.json")
    key, text = new_key("crm sync", ["query"], ["crm"], 5)
    file.add(key)
    secret = text.split("_", 2)[2]
    assert secret not in file.path.read_text()
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert KeyFile(file.path).ring().keys == (key,)
    assert KeyFile(file.path).ring().find(text) == key
    assert not file.remove("unknown")


def test_two_who_change_the_file_lose_nothing(tmp_path: Path) -> None:
    """Each change is made to the file as it is, not as it was read before."""
    one, two = KeyFile(tmp_path / "k.json"), KeyFile(tmp_path / "k.json")
    for number, file in enumerate((one, two, one, two)):
        file.ring()
        file.add(new_key(str(number), ["query"], (), number)[0])
    assert [key.name for key in KeyFile(one.path).ring().keys] == ["0", "1", "2", "3"]


def test_a_gateway_sees_changes_within_a_second(tmp_path: Path) -> None:
    """The file is looked at once a second, and read when it is another."""
    now = [0.0]
    file, seen = KeyFile(tmp_path / "k.json"), KeyFile(tmp_path / "k.json", lambda: now[0])
    assert len(seen.ring()) == 0
    file.add(new_key("a", ["query"], (), 1)[0])
    assert len(seen.ring()) == 0
    now[0] = 1.0
    assert len(seen.ring()) == 1


@pytest.mark.parametrize(
    "text", ["{", "{}", '{"format": 2, "keys": []}', '{"format":1,"keys":[1]}']
)
def test_a_damaged_file_lets_nobody_in(tmp_path: Path, text: str) -> None:
    """It is an error, not an empty list that would open everything."""
    (tmp_path / "k.json").write_text(text)
    with pytest.raises(KeyFileDamaged):
        KeyFile(tmp_path / "k.json").ring()


def test_an_unknown_id_is_compared_as_well() -> None:
    """Every text, well formed or not, costs one comparison of digests and is no key."""
    key, text = new_key("a", ["query"], (), 1)
    ring = KeyRing([key])
    assert ring.find(text) == key
    stranger = new_key("b", ["query"], (), 1)[1]
    for other in ("", "afx_", text.upper(), text.replace("afx", "afy"), stranger):
        assert ring.find(other) is None


@pytest.mark.parametrize(
    ("scopes", "namespaces"), [((), ()), (("root",), ()), (("query",), ("c:m",))]
)
def test_keys_that_make_no_sense(scopes: tuple[str, ...], namespaces: tuple[str, ...]) -> None:
    """No scope, an unknown one, no namespace: ValueError."""
    with pytest.raises(ValueError, match=r"."):
        new_key("a", scopes, namespaces, 1)


async def test_reads_are_audited_and_nobody_is_named(
    guarded: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    """A line a read with key and profile ids; no identity, attribute or secret in any log."""
    key = guarded.key("query", "ingest")
    caplog.set_level(logging.DEBUG)
    async with guarded.client(key) as client:
        got = await client.get("/v1/profiles/email/ann@example.org?fields=attributes.tier")
        await client.get("/v1/profiles/crm/unknown-4711")
        await client.post("/v1/profiles/lookup", json={"people": [{"namespace": "crm", "id": "1"}]})
        await client.get("/v1/scores/stream?profile=crm:1&model=ann")
        await client.post("/v1/events", json=event(commerce={"order": {"priceTotal": -4711.0}}))
        await client.post("/v1/profiles/lookup", json={"people": [{"namespace": "crm:4711"}]})
        await client.get("/v1/keys")
        guarded.shards.available = False
        await client.get("/v1/profiles/email/ann@example.org")
    lines = [json.loads(r.getMessage()) for r in caplog.records if r.name == "afflux.audit"]
    id, profile = key.split("_")[1], got.json()["profile_id"]
    assert [(x["key"], x["action"], x.get("profiles"), x.get("fields")) for x in lines] == [
        (id, "read", [profile], ["attributes"]),
        (id, "read", [None], None),
        (id, "read", [profile], None),
        (id, "subscribe", None, None),
        (id, "refused", None, None),
    ]
    assert (lines[3]["everybody"], lines[3]["all_models"]) == (False, False)
    text = "\n".join(r.getMessage() for r in caplog.records if not r.name.startswith("httpx"))
    for value in ("ann", "example", "4711", "gold", "tier", "crm:", key.split("_", 2)[2]):
        assert value not in text


async def test_an_unexpected_error_is_logged_by_place(
    gateway: Rig, http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    """500 as a problem; the log has type and line, not the message, which may hold a value."""

    async def broken(*_: object) -> None:
        raise KeyError("ann@example.org")

    gateway.app.state.context.profiles.one = broken
    got = await http.get("/v1/profiles/crm/1")
    assert (got.status_code, got.json()["title"]) == (500, "Internal Server Error")
    assert "unexpected KeyError at test_gateway_access.py:" in caplog.text
    assert "ann@example.org" not in caplog.text
