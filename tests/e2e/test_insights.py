"""Clusters and forecasts of a running stack: events in, `afflux clusters` and `forecast` out."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from runtime_cli import Up, afflux, until

pytestmark = [pytest.mark.embedded, pytest.mark.slow, pytest.mark.timeout(240)]

DAY_MS = 86_400_000
FIRST = 20_000
DAYS, PEOPLE = 45, 300


def events() -> list[dict[str, Any]]:
    """Half of the people buy a little every second day, half much once a week."""
    chance, found = random.Random(3), []
    for day in range(DAYS):
        for person in range(PEOPLE):
            often = person % 2 == 0
            if chance.random() < (0.5 if often else 1 / 7):
                spent = chance.uniform(4, 6) if often else chance.uniform(80, 120)
                found.append(
                    {
                        "_id": f"{person}-{day}",
                        "timestamp": (FIRST + day) * DAY_MS + 40_000_000 + 60_000 * person,
                        "eventType": "commerce.purchases",
                        "identityMap": {"crm": [{"id": str(person), "primary": True}]},
                        "commerce": {"order": {"purchaseID": "1", "priceTotal": round(spent, 2)}},
                    }
                )
    return found


def test_clusters_and_forecasts_of_a_stack(tmp_path: Path) -> None:
    """Groups are told apart by command and profile; every closed day has all of its events."""
    sent = events()
    with Up(tmp_path) as up:
        lines = "\n".join(map(json.dumps, sent))
        (up.folder / "events.jsonl").write_text(lines + "\n")
        done = afflux("produce", "events.jsonl", cwd=up.folder)
        assert done.returncode == 0, done.stderr

        def forecast() -> dict[str, Any] | None:
            found = afflux("forecast", "--segment", "all", "--json", cwd=up.folder)
            answer: dict[str, Any] = json.loads(found.stdout)
            return answer if answer["days"] >= DAYS - 2 else None

        found = until(forecast, 90)
        a_day = Counter(e["timestamp"] // DAY_MS for e in sent)
        one = found["forecasts"][0]
        assert one["measure"] == "events"
        assert one["last"]["value"] == a_day[FIRST + found["days"] - 1]

        def clusters() -> dict[str, Any] | None:
            answer: dict[str, Any] = json.loads(afflux("clusters", "--json", cwd=up.folder).stdout)
            return answer if answer["clusters"] else None

        known = until(clusters, 60)
        assert len({c["id"] for c in known["clusters"]}) == len(known["clusters"]) == 4
        assert any("spent per purchase" in c["description"] for c in known["clusters"])
        shown = afflux("clusters", cwd=up.folder)
        assert "what they have in common" in shown.stdout
        again = [{**e, "_id": f"{e['_id']}-again"} for e in sent[-200:]]
        for late in again:
            late["timestamp"] += DAY_MS
        (up.folder / "more.jsonl").write_text("\n".join(map(json.dumps, again)) + "\n")
        assert afflux("produce", "more.jsonl", cwd=up.folder).returncode == 0

        def placed() -> int | None:
            person = again[-1]["identityMap"]["crm"][0]["id"]
            answer = afflux("profile", "get", "crm", person, "--json", cwd=up.folder)
            cluster: int | None = json.loads(answer.stdout)["cluster"]
            return cluster

        person = again[-1]["identityMap"]["crm"][0]["id"]
        cluster = until(placed)
        shown = afflux("profile", "get", "crm", person, cwd=up.folder)
        assert f"in cluster {cluster}: " in shown.stdout
        assert cluster in {
            c["id"]
            for c in json.loads(afflux("clusters", "--json", cwd=up.folder).stdout)["clusters"]
        }
