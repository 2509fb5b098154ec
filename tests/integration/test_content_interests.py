"""Content affinity: page views with sections and tags become interests in them, live."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest

from core_cases import CATALOG
from enrich_rig import Logged, Logs, Worker
from launcher.data.avro import encode
from launcher.data.generated import generated
from memory_link import MemoryLink
from profile_store import AsyncProfileStore
from profile_store.installation import Installation, ensure_installation
from profile_store.memory import MemoryShardStore
from streams.topics import EXPERIENCE_EVENTS

DAY = 86_400_000
HALF_LIFE = 30 * DAY
DATA = generated(3_000)
SHARDS = 64


def expected(person: str, kind: str) -> dict[str, float]:
    """What was looked at, halved in 30 days, by plain Python over the generated events."""
    weights: dict[str, float] = defaultdict(float)
    mine: list[dict[str, Any]] = [e for e in DATA.events.to_pylist() if e["person"] == person]
    last = max(e["timestamp"] for e in mine)
    for event in mine:
        if event["type"] == "web.webpagedetails.pageViews":
            things = {
                "sections": [event["section"]],
                "tags": event["tags"],
                "pages": [event["page"]],
            }
            for thing in dict.fromkeys(t for t in things[kind] or [] if t):
                weights[thing] += 0.5 ** ((last - event["timestamp"]) / HALF_LIFE)
    return dict(weights)


async def test_generated_page_views_become_content_interests() -> None:
    """Sections, tags and pages of Avro events, through a worker, as a reader sees them."""
    logs, store = Logs(1), MemoryShardStore(SHARDS)
    people, times = DATA.events["person"].to_pylist(), DATA.events["timestamp"].to_pylist()
    for person, at, value in zip(people, times, encode(DATA), strict=True):
        logs.append(EXPERIENCE_EVENTS.name, Logged(f"person:{person}".encode(), value, at))
    logs.now = times[-1]
    await ensure_installation(store, Installation.of(CATALOG, SHARDS, 1))
    worker = Worker(store, logs, SHARDS, "w")
    await worker.own([0])
    await worker.drain(most=200)
    reader = AsyncProfileStore(link=MemoryLink(store))
    views = [e for e in DATA.events.to_pylist() if e["section"]]
    lookers = sorted({e["person"] for e in views})[:40]
    assert len(lookers) == 40
    seen = 0
    for person in lookers:
        profile = await reader.get("person", person)
        assert profile is not None
        for kind in ("sections", "tags", "pages"):
            due = expected(person, kind)
            if len(due) > 16:  # more than there are slots
                continue
            found = {one.id: one.weight for one in profile.affinities[kind]}
            assert found == pytest.approx(due, rel=0.01, abs=2e-4)
            seen += len(found)
            strongest = [one.weight for one in profile.affinities[kind]]
            assert strongest == sorted(strongest, reverse=True)
    assert seen > 100
