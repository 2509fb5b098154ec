"""Audiences over HTTP: saving, refusals with their place, previews, members page by page."""

from __future__ import annotations

from pathlib import Path

import pytest

from audience_rig import SHARDS as RIG_SHARDS
from audience_rig import save, worker
from core_cases import CATALOG
from enrich_rig import START, Logs
from enrich_workload import DAY, purchase
from gateway_rig import Rig, rig
from profile_store.installation import Installation, ensure_installation

PEOPLE = 7


@pytest.fixture
async def served(tmp_path: Path) -> Rig:
    """A gateway over what a worker has folded and asked: seven buyers, one of them since long."""
    made = rig(tmp_path, shards=RIG_SHARDS)
    await ensure_installation(made.shards, Installation.of(CATALOG, RIG_SHARDS, 1))
    await save(
        made.shards,
        {
            "buyers": "has(events.purchases.last)",
            "lately": "now - events.purchases.last < duration('24h')",
        },
    )
    logs = Logs(1)
    for n in range(PEOPLE):
        logs.append("experience-events", purchase(START + n * DAY, f"e{n}", f"crm:{n}"))
    one = worker(made.shards, logs)
    await one.own([0])
    await one.drain(most=1)
    return made


async def test_members_come_page_by_page(served: Rig) -> None:
    """Every member once, in the same order, whatever the size of the page."""
    everybody = []
    for limit in (1, 3, 100):
        found: list[str] = []
        cursor: str | None = None
        async with served.client() as client:
            while True:
                parameters = {"limit": limit} | ({"cursor": cursor} if cursor else {})
                page = (await client.get("/v1/audiences/buyers/members", params=parameters)).json()
                assert len(page["members"]) <= limit
                found += page["members"]
                cursor = page["next"]
                if cursor is None:
                    break
        everybody.append(found)
    assert everybody[0] == everybody[1] == everybody[2]
    assert sorted(everybody[0]) == [f"crm:{n}" for n in range(PEOPLE)]


async def test_counts_overlap_and_progress(served: Rig) -> None:
    """What is counted is what the worker decided; everybody was asked."""
    async with served.client() as client:
        all_of_them = (await client.get("/v1/audiences")).json()["audiences"]
        both = (await client.get("/v1/audiences/buyers/overlap/lately")).json()
    assert {one["name"]: one["members"] for one in all_of_them} == {"buyers": 7, "lately": 1}
    assert both == {"audiences": ["buyers", "lately"], "members": 1}
    fill = all_of_them[0]["back_fill"]
    assert fill == {"asked": PEOPLE, "shards_done": RIG_SHARDS, "shards": RIG_SHARDS}


async def test_memberships_are_part_of_the_profile(served: Rig) -> None:
    """Status and time of the last entry; who is asked for audiences only gets them only."""
    async with served.client() as client:
        last = (await client.get("/v1/profiles/crm/6")).json()["audiences"]
        first = (await client.get("/v1/profiles/crm/0?fields=audiences")).json()
    at = START + 6 * DAY
    assert last == {
        "buyers": {"status": "realized", "last_qualification_time": at},
        "lately": {"status": "realized", "last_qualification_time": at},
    }
    assert first["audiences"]["lately"] == {"status": "exited", "last_qualification_time": START}
    assert "scores" not in first


async def test_a_rule_is_previewed_then_saved(served: Rig) -> None:
    """The preview counts people as they are, other audiences included, and keeps nothing."""
    rule = "audiences.buyers && !audiences.lately && scores.churn.value >= 0.0"
    async with served.client() as client:
        tried = (await client.post("/v1/audiences/preview", json={"rule": rule})).json()
        assert (await client.get("/v1/audiences/preview")).status_code == 404
        saved = await client.put("/v1/audiences/idle", json={"rule": rule})
        again = await client.put("/v1/audiences/idle", json={"rule": rule})
    assert (tried["asked"], tried["inside"], tried["undecided"]) == (PEOPLE, PEOPLE - 1, 0)
    assert len(tried["examples"]) == PEOPLE - 1
    assert saved.json() == again.json() == {"name": "idle", "version": 3}


async def test_what_does_not_fit_is_refused_with_its_place(served: Rig) -> None:
    """A rule outside of the subset, an attribute of no type, an audience that another one names."""
    async with served.client() as client:
        wrong = await client.put("/v1/audiences/x", json={"rule": "scores.chur.value > 0.5"})
        untold = await client.put("/v1/audiences/x", json={"rule": "attributes.level == 'gold'"})
        body = {"rule": "attributes.level == 'gold'", "attributes": {"level": "string"}}
        told = await client.put("/v1/audiences/x", json=body)
        await client.put("/v1/audiences/y", json={"rule": "!audiences.x"})
        named = await client.delete("/v1/audiences/x")
        nobody = await client.delete("/v1/audiences/z")
        cursor = await client.get("/v1/audiences/x/members?cursor=nonsense")
    assert wrong.status_code == untold.status_code == cursor.status_code == 422
    [fault] = wrong.json()["errors"]
    assert fault["pointer"] == "/rule"
    assert fault["detail"].startswith("audience x, line 1, column 8: `scores` has no `chur`")
    assert "`attributes` has no `level`" in untold.json()["errors"][0]["detail"]
    assert told.status_code == 200
    assert named.status_code == 409
    assert "audience y, line 1, column 12: no audience `x`" in named.json()["detail"]
    assert nobody.status_code == 404


async def test_a_key_of_a_namespace_is_named_no_others(served: Rig) -> None:
    """Members and examples of other namespaces are left out."""
    key = served.key("query", "admin", namespaces=["web"])
    async with served.client(key) as client:
        page = (await client.get("/v1/audiences/buyers/members")).json()
        tried = (await client.post("/v1/audiences/preview", json={"rule": "true"})).json()
    assert page == {"members": [], "next": None}
    assert (tried["inside"], tried["examples"]) == (PEOPLE, [])
