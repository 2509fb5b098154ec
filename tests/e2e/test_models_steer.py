"""Which recipe and which snapshot of a model is served, by command, on a running stack."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from runtime_cli import Up, afflux, until

pytestmark = [pytest.mark.embedded, pytest.mark.slow, pytest.mark.timeout(180)]

DAY_MS = 86_400_000
START = 1_760_000_000_000
MODEL = "purchase_7d"
PEOPLE = 40


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A running stack with a worker whose model has a challenger."""
    env = {"AFFLUX_LEARN_CHALLENGERS": f"{MODEL}:fast_forget", "AFFLUX_LEARN_PUBLISH_S": "0.5"}
    with Up(tmp_path_factory.mktemp("steer"), env=env) as up:
        yield up


def _buy(up: Up, days: range) -> None:
    """Everybody buys about every other week."""
    chance = random.Random(days.start)
    lines = [
        json.dumps(
            {
                "_id": f"p{person}-{day}",
                "timestamp": START + day * DAY_MS + person * 60_000,
                "eventType": "commerce.purchases",
                "identityMap": {"crm": [{"id": f"p{person}", "primary": True}]},
                "commerce": {"order": {"purchaseID": str(day), "priceTotal": 20.0 + person}},
            }
        )
        for day in days
        for person in range(PEOPLE)
        if chance.random() < 0.07
    ]
    sent = afflux("produce", "-", cwd=up.folder, stdin="\n".join(lines))
    assert sent.returncode == 0, sent.stderr


def _json(up: Up, *arguments: str) -> dict[str, Any]:
    done = afflux("models", *arguments, "--json", cwd=up.folder, env=ENV)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


ENV = {"AFFLUX_LEARN_CHALLENGERS": f"{MODEL}:fast_forget"}


def _current(up: Up, examples: int) -> dict[str, Any]:
    """The current version, once it has learned so many examples."""

    def look() -> dict[str, Any] | None:
        versions = _json(up, "history", MODEL)["versions"]
        current = [v for v in versions if v["current"]]
        return current[0] if current and current[0]["examples"] >= examples else None

    found: dict[str, Any] = until(look)
    return found


def _served_since(up: Up, person: str, version: str) -> None:
    """A score of this version, or of one that came after it, is in the profile."""

    def look() -> bool:
        done = afflux("profile", "get", "crm", person, "--json", cwd=up.folder)
        served = json.loads(done.stdout)["scores"][MODEL]["version"]
        versions = [v["version"] for v in _json(up, "history", MODEL)["versions"]]
        return served in versions[: versions.index(version) + 1]

    until(look)


def test_rollback_and_promotion_by_command(stack: Up) -> None:
    """Each is carried out once, in the history with who asked; scorers follow within seconds."""
    _buy(stack, range(40))
    old = _current(stack, 30)
    assert (old["champion"], old["held"]) == ("default", False)
    _buy(stack, range(40, 70))
    new = _current(stack, old["examples"] + 20)
    assert new["version"] != old["version"]

    done = _json(stack, "rollback", MODEL, "--to", old["version"], "--hold")
    assert (done["state"], done["entry"]["kind"]) == ("done", "rollback")
    assert done["entry"]["by"] == "command"
    assert done["entry"]["figures"]["examples_back"] >= 20
    held = _current(stack, new["examples"])
    assert held["held"]
    history = _json(stack, "history", MODEL)
    assert [e["command"] for e in history["entries"] if e["by"] == "command"] == [done["command"]]
    assert old["version"] in {v["version"] for v in history["versions"]}
    _buy(stack, range(70, 72))
    last = f"p{max(range(PEOPLE))}"
    event = {
        "_id": "last", "timestamp": START + 72 * DAY_MS, "eventType": "commerce.purchases",
        "identityMap": {"crm": [{"id": last, "primary": True}]},
    }  # fmt: skip
    assert afflux("produce", "-", cwd=stack.folder, stdin=json.dumps(event)).returncode == 0
    shown = _json(stack, "show", MODEL)
    assert (shown["held"], shown["challengers"]) == (True, ["fast_forget"])
    _served_since(stack, last, done["version"])
    segments = afflux("models", "show", MODEL, "--segments", cwd=stack.folder).stdout
    assert "first_order" in segments
    assert "share of positives" in segments

    assert _json(stack, "resume", MODEL)["entry"]["kind"] == "resumption"
    promoted = _json(stack, "promote", MODEL, "fast_forget")
    assert promoted["entry"]["text"] == "fast_forget serves instead of default"
    rows = {r["name"]: r for r in _json(stack, "challengers", MODEL)["contenders"]}
    assert (rows["fast_forget"]["serves"], rows["default"]["serves"]) == (True, False)
    assert rows["fast_forget"]["recipe"]["forget"] == 10 * rows["default"]["recipe"]["forget"]
    assert rows["fast_forget"]["cost_us"] > 0
    back = _json(stack, "rollback", MODEL)
    assert back["entry"]["text"].startswith("default as of snapshot")
    assert _json(stack, "show", MODEL)["champion"] == "default"


def test_what_cannot_be_done_is_said(stack: Up) -> None:
    """No such challenger, version or model; a table for people; exit code 1 where it failed."""
    refused = afflux("models", "promote", MODEL, "nobody", cwd=stack.folder)
    assert refused.returncode == 1
    assert "nobody is no challenger of purchase_7d; there is fast_forget" in refused.stderr
    unknown = afflux("models", "rollback", MODEL, "--to", "00ff", cwd=stack.folder)
    assert unknown.returncode == 1
    assert f"{MODEL} has no version 00ff" in unknown.stderr
    assert afflux("models", "resume", "chrun", cwd=stack.folder).returncode == 1
    shown = afflux("models", "history", MODEL, cwd=stack.folder).stdout
    assert "refusal" in shown
    assert "current" in shown
