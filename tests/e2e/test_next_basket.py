"""Next baskets on a running stack: purchases in, `profile recommend` and `models show` out."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from runtime_cli import Up, afflux, until

pytestmark = [pytest.mark.embedded, pytest.mark.slow, pytest.mark.timeout(240)]

DAY_MS, FIRST = 86_400_000, 20_000
PEOPLE, DAYS = 40, 12
GROUPS = [["tea", "cups", "honey"], ["beer", "nuts", "chips"]]


def events() -> list[dict[str, Any]]:
    """Every day everybody buys two things of their group."""
    chance = random.Random(3)
    return [
        {
            "_id": f"{person}-{day}",
            "timestamp": (FIRST + day) * DAY_MS + 60_000 * person,
            "eventType": "commerce.purchases",
            "identityMap": {"crm": [{"id": str(person)}]},
            "productListItems": [
                {"SKU": f"sku-{item}", "name": item, "productCategories": [{"categoryID": item}]}
                for item in chance.sample(GROUPS[person % 2], 2)
            ],
        }
        for day in range(DAYS)
        for person in range(PEOPLE)
    ]


def test_lists_of_a_stack(tmp_path: Path) -> None:
    """A buyer gets what their group buys, a stranger what is popular; figures are shown."""
    with Up(tmp_path, env={"AFFLUX_LEARN_BASKETS": "1"}) as up:
        (up.folder / "events.jsonl").write_text("\n".join(map(json.dumps, events())) + "\n")
        done = afflux("produce", "events.jsonl", cwd=up.folder)
        assert done.returncode == 0, done.stderr

        def shown() -> dict[str, Any] | None:
            found = afflux("models", "show", "next_basket_product", "--json", cwd=up.folder)
            facts: dict[str, Any] = json.loads(found.stdout)
            return facts if facts["examples"] == PEOPLE * DAYS else None

        facts = until(shown, 90)
        assert facts["metrics"]["recent_recall10"] > 0.9
        assert facts["predicts"] == "products of the next basket, ten at most"
        table = afflux("models", "show", cwd=up.folder).stdout
        assert "next_basket_category" in table
        assert "recall@10" in table

        def recommended(person: str) -> dict[str, Any]:
            found = afflux(
                "profile", "recommend", "crm", person, "--count", "3", "--json", cwd=up.folder
            )
            assert found.returncode == 0, found.stderr
            lists: dict[str, Any] = json.loads(found.stdout)
            return lists

        for person in (0, 1):
            found = recommended(str(person))
            assert {one["id"] for one in found["categories"]} == set(GROUPS[person])
            assert {one["id"] for one in found["products"]} == {
                f"sku-{item}" for item in GROUPS[person]
            }
            assert found["versions"]["next_basket_product"] == facts["version"]
        stranger = recommended("nobody")
        assert not stranger["known"]
        assert len(stranger["categories"]) == 3
        said = afflux("profile", "recommend", "crm", "nobody", cwd=up.folder).stdout
        assert "this is what is popular" in said
