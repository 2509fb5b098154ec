"""Requests of people, from the API through the log and the worker back to the API."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from afflux.codes import Code
from afflux.examples import ExampleColumns
from afflux.names import Identity
from afflux.position import Position
from core_cases import CATALOG
from gateway.audience_desk import AudienceDesk
from gateway.documents import KeptDocument
from models.cluster_log import CLUSTERS, ClusterLog, encode, source_of
from models.envelope import version_name, version_of
from privacy_rig import HOUR, IMPERSONAL, NOON, PARTS, Site, dumped, told
from profile_store import keys
from profile_store.keys import escape_identities


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """An installation with ann (two identities, attributes), bob, and a tablet that both use."""
    made = Site(tmp_path)
    await made.start()
    made.event("crm:ann-1", "email:ann@example.org")
    made.event("crm:ann-1", "device:tablet")
    made.event("email:ann@example.org")
    made.attributes("crm:ann-1", city="Atlantis")
    made.logs.now += HOUR
    made.event("crm:bob-1", "device:tablet")
    await made.settle()
    async with made.http:
        yield made


ANN = ("ann-1", "ann@example.org", "ann%40example.org", "Atlantis")


async def test_a_deleted_person_leaves_tombstones_only(site: Site) -> None:
    """By one identity the whole person goes: store, API, caches, replayed streams; bob stays."""
    for update in told(site):
        site.scores.add(0, **update)
    shown = len(told(site))
    assert "ann@example.org" in (await site.http.get("/v1/scores/stream?from_start=true")).text
    before = await site.http.get("/v1/profiles/crm/ann-1")
    assert before.json()["attributes"] == {"city": "Atlantis"}
    old = {tp: list(log) for tp, log in site.logs.inputs.items()}

    asked = await site.http.delete("/v1/privacy/email/ann@example.org")
    assert asked.status_code == 202
    receipt = f"/v1/privacy/receipts/{asked.json()['receipt']}"
    assert (await site.http.get(receipt)).json()["state"] == "pending"
    site.event("crm:bob-1")
    await site.settle()
    for update in told(site)[shown:]:
        site.scores.add(0, **update)
    done = (await site.http.get(receipt)).json()
    assert done["state"] == "done"
    assert not any(word in dumped(done) for word in ANN)

    async def assert_gone() -> None:
        left = site.traces(*ANN)
        assert {key[:2] for key in left} <= {b"f:", b"a:"}
        assert not any(word.encode() in v for v in site.values(left) for word in ANN)
        for who in ("crm:ann-1", "email:ann@example.org"):
            assert await site.profile(who) is None
        body = {"people": [{"namespace": "crm", "id": "ann-1"}]}
        assert (await site.http.post("/v1/profiles/lookup", json=body)).json() == {
            "profiles": [None]
        }
        stream = await site.http.get("/v1/scores/stream?from_start=true")
        assert "crm:bob-1" in stream.text
        bob = await site.profile("crm:bob-1")
        assert bob is not None
        assert bob["identities"] == ["crm:bob-1"]
        everything = [
            stream.text,
            dumped(bob),
            (await site.http.get("/v1/identities/crm/bob-1")).text,
            (await site.http.get("/v1/privacy/crm/bob-1")).text,
            (await site.http.get("/v1/models")).text,
        ]
        assert not any(word in text for text in everything for word in ANN)
        scores = site.last_scores()
        assert scores["crm:ann-1"] is None
        assert scores["email:ann@example.org"] is None

    await assert_gone()
    kept = (await site.http.get("/v1/privacy/crm/ann-1")).json()
    state = kept["identities"][0]["fragments"][0]["state"]
    assert state["deleted_at"] > NOON
    assert not any(state["life"])

    # The same records once more, as a replay of the topic or of dead letters brings them.
    for (topic, partition), log in old.items():
        for record in log:
            if not record.headers:
                site.logs.append(topic, record, partition)
    await site.settle()
    await assert_gone()
    counters = [Position.decode(p).counters for p in await site.store.positions(range(64)) if p]
    assert sum(c[Code.deleted_identity] for c in counters) >= 3

    # Who comes back afterwards is a new person.
    site.event("crm:ann-1")
    await site.settle()
    again = await site.profile("crm:ann-1")
    assert again is not None
    assert (again["engagement"]["events"], again["attributes"]) == (1, {})
    assert again["identities"] == ["crm:ann-1"]


async def test_an_event_that_names_a_deleted_person_later_leaves_no_trace(site: Site) -> None:
    """An old event of bob links the deleted tablet again: the tombstone answers, the link goes."""
    await site.http.delete("/v1/privacy/device/tablet")
    at = site.logs.now
    await site.settle()
    site.event("crm:bob-1", "device:tablet", at=at - 1)
    await site.settle()
    assert {key[:2] for key in site.traces("tablet")} <= {b"f:", b"a:"}
    bob = await site.profile("crm:bob-1")
    assert bob is None or "device:tablet" not in bob["identities"]


async def test_everything_that_is_kept_is_exported(site: Site) -> None:
    """Rows of all identities, readable; every key of the store that holds or names them."""
    await AudienceDesk(site.reader).save("buyers", "has(events.purchases.last)", {}, 1)
    site.event("crm:ann-1", sku="harp")
    await site.worker.drain()
    content = (await site.http.get("/v1/privacy/email/ann@example.org")).json()
    of = {one["identity"]: one for one in content["identities"]}
    assert set(of) == {"crm:ann-1", "email:ann@example.org", "device:tablet"}
    assert content["profile"]["attributes"] == {"city": "Atlantis"}
    assert content["profile"]["scores"]["churn"]["factors"]
    assert content["profile"]["open_examples"]
    crm = of["crm:ann-1"]
    assert [one["attributes"] for one in crm["attributes"]] == [{"city": "Atlantis"}]
    assert crm["fragments"][0]["features"]
    assert crm["fragments"][0]["state"]["life"][0] == 3.0
    assert crm["served"]["models"] == ["churn", "lifetime_value"]
    assert {(link["other"], link["state"]) for link in crm["links"]} == {
        ("email:ann@example.org", "linked"),
        ("device:tablet", "linked"),
    }
    things = crm["interests"]["things"]["product"]
    assert [(one["id"], one["name"]) for one in things] == [("harp", "the harp")]
    assert crm["memberships"]["audiences"]["buyers"]["inside"]
    assert crm["listed_in"] == ["buyers"]
    assert crm["next_look"] > NOON
    assert [one["id"] for one in content["profile"]["affinities"]["products"]] == ["harp"]
    assert content["profile"]["audiences"]["buyers"]["status"] in ("existing", "realized")
    topics = {one["topic"]: one for one in content["topics"]}
    assert set(topics) >= {"experience-events", "training-examples", "experience-events.dlq"}
    for key, value in site.store.dump().items():
        for name, one in of.items():
            held = escape_identities([Identity(name.encode())])[0] in key
            if held or name.encode() in (value if isinstance(value, bytes) else list(value)):
                assert PARTS[key[:1].decode()] in one, key
    assert (await site.http.get("/v1/privacy/crm/nobody")).status_code == 404


def test_each_kind_of_key_is_exported_or_holds_nobody() -> None:
    """A new kind of key has to say which of both it is."""
    kinds = set(re.findall(r"^    (\w):", keys.__doc__ or "", re.MULTILINE)) | {"k", "r"}
    assert kinds | {"w"} == set(PARTS) | IMPERSONAL
    assert set(PARTS.values()) <= set(KeptDocument.model_fields)


async def test_who_opted_out_is_not_scored_until_they_opt_in(site: Site) -> None:
    """Scores and open examples go, a null value is announced, the API says so; all comes back."""
    got = await site.http.put("/v1/consent/crm/ann-1", json={"scoring": False})
    assert got.status_code == 202
    await site.settle()
    assert site.last_scores()["crm:ann-1"] is None
    site.event("email:ann@example.org")
    site.event("crm:ann-1")
    await site.settle()
    assert site.last_scores()["crm:ann-1"] is None
    assert site.last_scores()["email:ann@example.org"] is None
    assert not [key for key in site.store.dump() if key.startswith(b"v:") and b"ann" in key]
    profile = await site.profile("crm:ann-1")
    assert profile is not None
    assert (profile["scores"], profile["open_examples"]) == ({}, [])
    assert profile["opted_out"]
    assert profile["engagement"]["events"] == 5

    await site.http.put("/v1/consent/email/ann@example.org", json={"scoring": True})
    await site.settle()
    site.event("crm:ann-1")
    await site.settle()
    profile = await site.profile("crm:ann-1")
    assert profile is not None
    assert "churn" in profile["scores"]
    assert profile["opted_out"] is None
    assert site.last_scores()["crm:ann-1"] is not None


async def test_one_becomes_two_and_two_become_one(site: Site) -> None:
    """By hand, at both ends, and subscribers hear of it without any event; links are explained."""
    pair = {
        "one": {"namespace": "crm", "id": "ann-1"},
        "other": {"namespace": "email", "id": "ann@example.org"},
    }
    assert (await site.http.post("/v1/identities/unlink", json=pair)).status_code == 202
    await site.settle()
    email, crm = await site.profile("email:ann@example.org"), await site.profile("crm:ann-1")
    assert email is not None
    assert crm is not None
    assert email["identities"] == ["email:ann@example.org"]
    assert email["engagement"]["events"] == 1
    assert "email:ann@example.org" not in crm["identities"]
    for who in ("crm:ann-1", "email:ann@example.org"):
        update = site.last_scores()[who]
        assert update is not None
        assert not {"crm:ann-1", "email:ann@example.org"} <= set(update["identities"])
    explained = (await site.http.get("/v1/identities/crm/ann-1")).json()
    states = {frozenset((x["one"], x["other"])): x["state"] for x in explained["links"]}
    assert states[frozenset(("crm:ann-1", "email:ann@example.org"))] == "unlinked"
    assert explained["left_out"][0]["reason"] == "unique"

    assert (await site.http.post("/v1/identities/link", json=pair)).status_code == 202
    await site.settle()
    email = await site.profile("email:ann@example.org")
    assert email is not None
    assert "crm:ann-1" in email["identities"]
    update = site.last_scores()["email:ann@example.org"]
    assert update is not None
    assert "crm:ann-1" in update["identities"]


async def test_what_is_announced_keeps_the_rule_of_unique_namespaces(site: Site) -> None:
    """Bob and ann share a tablet: no update of either names the other, as no profile does."""
    site.event("crm:bob-1")
    site.event("crm:ann-1")
    await site.settle()
    for update in told(site):
        assert not {"crm:ann-1", "crm:bob-1"} <= set(update["identities"])


async def test_a_value_that_links_too_many_is_stopped(site: Site) -> None:
    """A seventh customer with the e-mail of the shop: its links no longer count, and it is said."""
    for n in range(4):
        site.event(f"crm:guest-{n}", "email:shop@example.org")
    await site.settle()
    one = await site.profile("crm:guest-0")
    assert one is not None
    assert "email:shop@example.org" in one["identities"]
    for n in range(4, 7):
        site.event(f"crm:guest-{n}", "email:shop@example.org")
    await site.settle()
    one = await site.profile("crm:guest-0")
    assert one is not None
    assert one["identities"] == ["crm:guest-0"]
    explained = (await site.http.get("/v1/identities/crm/guest-0")).json()
    assert explained["shared"] == ["email:shop@example.org"]
    assert explained["left_out"] == [
        {
            "identity": "email:shop@example.org",
            "reason": "shared",
            "because": "it links too many people to tell them apart",
        }
    ]
    assert explained["bridge"]["identity"] == "email:shop@example.org"
    assert explained["bridge"]["parts"] == [1] * 7


async def test_the_sample_of_the_clusters_is_exported(site: Site) -> None:
    """Whose habits clusters are learned from, beside everything else of that identity."""
    log = ClusterLog(CATALOG.models, CATALOG.features)
    n = CATALOG.dimension
    log.learn(
        ExampleColumns(
            np.zeros(1, np.int32), np.ones(1, np.int64), [Identity(b"crm:ann-1")],
            [source_of(CATALOG.models)], np.full(1, NOON), np.zeros(1, np.int64),
            np.ones((1, n), np.float16), np.zeros(1, np.float32), np.zeros(1, np.uint64),
            np.zeros(1), np.zeros(1, np.uint8),
        )
    )  # fmt: skip
    data = encode(log.snapshot(0, b"t" * 16))
    await site.store.put_snapshot(CLUSTERS, version_name(version_of(data)), data)
    content = (await site.http.get("/v1/privacy/crm/ann-1")).json()
    of = {one["identity"]: one for one in content["identities"]}
    assert of["crm:ann-1"]["cluster_sample"]["gap_mean"] == 1.0
    assert "cluster_sample" not in of["device:tablet"]
