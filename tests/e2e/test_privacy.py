"""A person is deleted from a running stack while events keep flowing: nothing is left of them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis

from afflux.names import Identity
from privacy_rig import PARTS
from profile_store.keys import escape_identities
from runtime_cli import Up, afflux, until

pytestmark = [pytest.mark.embedded, pytest.mark.slow, pytest.mark.timeout(240)]

START = 1_760_000_000_000
WORDS = ("zelda-77", "zelda@example.org", "zelda%40example.org", "Hyrule")
LIMIT_S = 60
LINK_S = 5
"""A second by design; on a machine that others use it is a limit for what hangs."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A running stack with a worker and the HTTP API."""
    from launcher.ports import free_ports

    (port,) = free_ports(1)
    with Up(
        tmp_path_factory.mktemp("stack"), "--api", env={"AFFLUX_GATEWAY_PORT": str(port)}
    ) as up:
        up.url = f"http://127.0.0.1:{port}"  # type: ignore[attr-defined]
        yield up


def url(up: Up) -> str:
    """Of the API."""
    found: str = up.url  # type: ignore[attr-defined]
    return found


def purchase(id: str, number: int, email: str | None = None) -> dict[str, Any]:
    """An event of a customer, who may have said an e-mail."""
    who: dict[str, Any] = {"crm": [{"id": id, "primary": True}]}
    if email:
        who["email"] = [{"id": email}]
    return {
        "_id": f"{id}-{number}", "timestamp": START + number * 86_400_000,
        "eventType": "commerce.purchases", "identityMap": who,
        "commerce": {"order": {"priceTotal": 20.0}},
        "productListItems": [{"SKU": f"ocarina-{number}", "name": "an ocarina"}],
    }  # fmt: skip


class Flow:
    """Events of other people, ten a second, until it is stopped."""

    def __init__(self, base: str) -> None:
        self._base, self._stop, self.sent = base, threading.Event(), 0
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        with httpx.Client(base_url=self._base, timeout=60) as client:
            while not self._stop.wait(0.1):
                event = purchase(f"other-{self.sent % 40}", self.sent // 40)
                with suppress(httpx.HTTPError):
                    if client.post("/v1/events", json=event).status_code == 202:
                        self.sent += 1

    def __enter__(self) -> Flow:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def in_redis(up: Up) -> dict[bytes, bytes]:
    """Every key with its value, members of sets included."""
    run = json.loads((up.folder / ".afflux" / "run.json").read_text())
    found: dict[bytes, bytes] = {}
    with redis.Redis.from_url(run["redis_url"]) as client:
        for key in client.scan_iter(count=1000):
            kind = client.type(key)
            if kind == b"string":
                found[key] = client.get(key) or b""
            elif kind == b"zset":
                found[key] = b"\n".join(client.zrange(key, 0, -1))
            elif kind == b"set":
                found[key] = b"\n".join(client.smembers(key))
            elif kind == b"list":
                found[key] = b"\n".join(client.lrange(key, 0, -1))
            elif kind == b"hash":
                found[key] = repr(client.hgetall(key)).encode()
            else:
                assert kind == b"none", f"{key!r} is a {kind!r}"
    return found


def traces(up: Up) -> list[bytes]:
    """What names the person, apart from the names of tombstones."""
    words = [word.encode() for word in WORDS]
    return [
        key
        for key, value in in_redis(up).items()
        if any(word in value for word in words)
        or (key[:2] not in (b"f:", b"a:") and any(word in key for word in words))
    ]


def assert_all_is_exported(up: Up, content: dict[str, Any]) -> None:
    """Every key that holds or names one of the identities has its part in the export."""
    of = {one["identity"]: one for one in content["identities"]}
    for key, value in in_redis(up).items():
        for name, one in of.items():
            (escaped,) = escape_identities([Identity(name.encode())])
            if escaped in key or name.encode() in value.split(b"\n"):
                assert PARTS[key[:1].decode()] in one, key
    crm = of["crm:zelda-77"]
    assert {"fragments", "attributes", "links", "served", "interests", "memberships"} <= set(crm)
    assert len(crm["timeline"]) == 4
    assert crm["listed_in"] == ["buyers"]
    assert crm["memberships"]["audiences"]["buyers"]["inside"]
    assert next(one["id"] for one in crm["interests"]["things"]["product"]).startswith("ocarina")


def names_in(similar: dict[str, Any]) -> list[str]:
    """All identities of an answer."""
    return [name for one in similar["people"] for name in one["identities"]]


def answers(base: str) -> str:
    """Every answer of the API that could name the person."""
    people = [{"namespace": "crm", "id": f"other-{n}"} for n in range(40)]
    with httpx.Client(base_url=base, timeout=60) as client:
        found = [
            client.post("/v1/profiles/lookup", json={"people": people}).text,
            client.get("/v1/models").text,
            client.get("/v1/privacy/crm/other-1").text,
            client.get("/v1/identities/crm/other-1").text,
            client.get("/v1/profiles/crm/other-1/similar?limit=100").text,
        ]
        with client.stream("GET", "/v1/scores/stream?from_start=true") as stream:
            end = time.monotonic() + 3
            for line in stream.iter_lines():
                found.append(line)
                if time.monotonic() > end:
                    break
    assert "other-1" in found[0]
    return "\n".join(found)


def test_nothing_is_left_within_a_minute(stack: Up) -> None:
    """Two linked identities, all that is kept of them: a scan of Redis, all answers, a replay."""
    base = url(stack)
    mine = [purchase("zelda-77", n, "zelda@example.org") for n in range(4)]
    crm = {
        "timestamp": START, "identityMap": {"crm": [{"id": "zelda-77"}]},
        "attributes": {"city": "Hyrule"},
    }  # fmt: skip
    until(lambda: _ready(base))
    saved = afflux(
        "audiences", "save", "buyers", "--rule", "has(events.purchases.last)", cwd=stack.folder
    )
    assert saved.returncode == 0, saved.stderr
    with httpx.Client(base_url=base, timeout=30) as client, Flow(base) as flow:
        assert client.post("/v1/events", json=mine).status_code == 202
        sent = afflux(
            "produce", "-", "--into", "attributes", cwd=stack.folder, stdin=json.dumps(crm)
        )
        assert sent.returncode == 0, sent.stderr

        def known() -> dict[str, Any] | None:
            got = client.get("/v1/profiles/email/zelda@example.org")
            whole = got.status_code == 200 and got.json()["engagement"]["purchases"] == 4
            return (
                got.json()
                if whole and got.json()["attributes"] and got.json()["audiences"]
                else None
            )

        profile = until(known)
        assert set(profile["identities"]) == {"crm:zelda-77", "email:zelda@example.org"}
        until(lambda: "zelda-77" in answers(base))
        exported = afflux("privacy", "export", "crm", "zelda-77", "--json", cwd=stack.folder)
        content = json.loads(exported.stdout)
        assert content["profile"]["attributes"] == {"city": "Hyrule"}
        assert len(content["profile"]["affinities"]["products"]) == 4
        assert content["profile"]["audiences"]["buyers"]["last_qualification_time"] >= START
        assert_all_is_exported(stack, content)
        ask = ("profile", "timeline", "email", "zelda@example.org")
        told = json.loads(afflux(*ask, "--json", cwd=stack.folder).stdout)
        assert told == client.get("/v1/profiles/crm/zelda-77/timeline").json() | {
            "identities": told["identities"]
        }
        assert [e["event_time"] for e in told["events"]] == sorted(e["timestamp"] for e in mine)
        assert told["events"][0]["about"][0]["kind"] == "product"
        some = afflux(
            *ask, "--from", "2025-01-01", "--type", "commerce.purchases", "--limit", "1",
            "--newest-first", cwd=stack.folder,
        )  # fmt: skip
        assert (some.returncode, some.stdout.count("commerce.purchases")) == (0, 1), some.stderr
        assert "more: --cursor " in some.stdout
        shown = afflux("profile", "similar", "crm", "zelda-77", "--json", cwd=stack.folder)
        similar = json.loads(shown.stdout)
        assert similar["by"] == "interests"
        assert similar["people"][0]["in_common"][0] == "an ocarina"
        assert not {"crm:zelda-77", *profile["identities"]} & set(names_in(similar))
        others = afflux("profile", "similar", "crm", "other-1", "--limit", "100", cwd=stack.folder)
        assert "zelda-77" in others.stdout
        assert traces(stack)

        began = time.monotonic()
        done = afflux("privacy", "delete", "email", "zelda@example.org", "--json", cwd=stack.folder)
        receipt = json.loads(done.stdout)
        assert (done.returncode, receipt["state"]) == (0, "done"), done.stderr
        until(lambda: not traces(stack), LIMIT_S)
        until(lambda: not any(word in answers(base) for word in WORDS), LIMIT_S)
        assert time.monotonic() - began < LIMIT_S
        for who in ("crm/zelda-77", "email/zelda@example.org"):
            assert client.get(f"/v1/profiles/{who}").status_code == 404
            assert client.get(f"/v1/profiles/{who}/timeline").status_code == 404
        assert afflux(*ask, cwd=stack.folder).returncode == 1

        before = flow.sent
        assert client.post("/v1/events", json=mine).status_code == 202
        late = purchase("zelda-77", 9, "zelda@example.org")
        assert client.post("/v1/events", json=late).status_code == 202
        until(lambda: flow.sent > before + 30)
        until(lambda: not traces(stack), LIMIT_S)
        assert not any(word in answers(base) for word in WORDS)
        assert client.get("/v1/profiles/crm/zelda-77").status_code == 404

    shown = afflux("privacy", "receipt", receipt["receipt"], cwd=stack.folder)
    assert shown.returncode == 0, shown.stderr
    assert "training-examples" in shown.stdout
    assert afflux("privacy", "receipt", "x" * 60, cwd=stack.folder).returncode == 1


def test_links_and_consent_by_hand(stack: Up) -> None:
    """`identity link`, `show`, `unlink`, `consent set`: both people are right within a second."""
    base = url(stack)
    until(lambda: _ready(base))
    with httpx.Client(base_url=base, timeout=30) as client:
        events = [purchase("link-a", 1), purchase("link-b", 1)]
        for event in events:
            event["identityMap"] = {"web": [{"id": event["identityMap"]["crm"][0]["id"]}]}
        assert client.post("/v1/events", json=events).status_code == 202

        def identities(id: str) -> list[str]:
            got = client.get(f"/v1/profiles/web/{id}")
            return sorted(got.json()["identities"]) if got.status_code == 200 else []

        until(lambda: identities("link-a") and identities("link-b"))
        pair = {
            "one": {"namespace": "web", "id": "link-a"},
            "other": {"namespace": "web", "id": "link-b"},
        }
        for action, wanted in (("link", 2), ("unlink", 1)):
            assert client.post(f"/v1/identities/{action}", json=pair).status_code == 202
            began = time.monotonic()
            until(lambda n=wanted: len(identities("link-a")) == len(identities("link-b")) == n)
            assert time.monotonic() - began < LINK_S
        two = ("web", "link-a", "web", "link-b")
        assert afflux("identity", "link", *two, cwd=stack.folder).returncode == 0
        until(lambda: len(identities("link-b")) == 2)
        shown = json.loads(afflux("identity", "show", *two[:2], "--json", cwd=stack.folder).stdout)
        assert shown["links"][0]["state"] == "linked"
        assert afflux("identity", "unlink", *two, cwd=stack.folder).returncode == 0
        until(lambda: len(identities("link-b")) == 1)
        text = afflux("identity", "show", *two[:2], cwd=stack.folder).stdout
        assert "unlinked" in text

        out = afflux("consent", "set", *two[:2], "--opt-out", "scoring", cwd=stack.folder)
        assert out.returncode == 0, out.stderr
        profile = client.get("/v1/profiles/web/link-a").json()
        assert profile["opted_out"]
        assert profile["scores"] == {}
        assert afflux("consent", "set", *two[:2], cwd=stack.folder).returncode == 1


def _ready(base: str) -> bool:
    try:
        parts = httpx.get(f"{base}/health/ready").json()
    except httpx.HTTPError:
        return False
    return all(parts.values())


def test_without_a_stack_it_says_so(tmp_path: Path) -> None:
    """No address: exit 1 and a hint, no trace."""
    for words in (["privacy", "export"], ["privacy", "delete"], ["identity", "show"]):
        done = afflux(*words, "crm", "1", cwd=tmp_path)
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert "hint" in done.stderr
