"""A model is one file: a file and one line of settings, and it is scored, learned and shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from runtime_cli import Up, afflux, until

pytestmark = [pytest.mark.embedded, pytest.mark.slow, pytest.mark.timeout(240)]

OWN = """
'''Own conversion: who has looked at three things books a demo within 3 days.'''

from afflux.limits import DAY_MS
from afflux.names import ModelName
from afflux.outcomes import Eligible, ModelSpec, Outcome
from models.contract import LinearRecipe, Model

MODEL = Model(
    ModelSpec(
        ModelName("own_conversion"),
        Outcome("will", ("acme.demoBooked",), 3 * DAY_MS),
        Eligible("views", 3.0),
        excluded=(Eligible("acme.signedOff"),),
    ),
    LinearRecipe("log", rate=0.02, intercept_rate=0.02, prior=20),
)
"""

VIEWS, DEMOS = "commerce.productViews", "acme.demoBooked"
WORDS = "own_words: acme.demoBooked within 3d after 3 views unless acme.signedOff"

START, DAY_MS, DAYS, PEOPLE = 1_760_000_000_000, 86_400_000, 45, 40


def event(person: int, day: int, kind: str, hour: int = 0) -> dict[str, Any]:
    """One event as `afflux produce` takes it."""
    return {
        "_id": f"{kind}-{person}-{day}",
        "timestamp": START + day * DAY_MS + hour * 3_600_000 + person,
        "eventType": kind,
        "identityMap": {"crm": [{"id": f"p{person}", "primary": True}]},
    }


def converts(person: int) -> bool:
    """Every other person books a demo whenever they have looked."""
    return person % 2 == 1


def lines(days: range) -> str:
    """Everybody looks every day; some book a demo an hour later. In the order of time."""
    events = [
        event(person, day, kind, hour)
        for day in days
        for hour, kind in enumerate((VIEWS, DEMOS))
        for person in range(PEOPLE)
        if kind == VIEWS or converts(person)
    ]
    return "\n".join(map(json.dumps, events))


def test_a_file_and_a_line_of_settings_go_through_the_whole_loop(tmp_path: Path) -> None:
    """Events -> served untrained -> closed -> learned -> snapshot -> shown, served trained."""
    (tmp_path / "own_conversion.py").write_text(OWN)
    line = {
        "AFFLUX_LEARN_MODEL_FILES": str(tmp_path / "own_conversion.py"),
        "AFFLUX_LEARN_OUTCOMES": WORDS,
    }

    def run(*arguments: str, stdin: str | None = None) -> str:
        done = afflux(*arguments, cwd=tmp_path, env=line, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def shown() -> Mapping[str, Any]:
        own: dict[str, Any] = json.loads(run("models", "show", "own_conversion", "--json"))
        return own

    def score(person: int, event_id: str) -> Mapping[str, Any] | None:
        done = afflux("profile", "get", "crm", f"p{person}", "--json", cwd=tmp_path, env=line)
        if done.returncode:
            return None
        scores: dict[str, Any] = json.loads(done.stdout)["scores"]
        own: dict[str, Any] = scores.get("own_conversion", {})
        assert "churn" in scores, "the models of the package are there as before"
        return own if own.get("event_id") == event_id else None

    with Up(tmp_path, env=line):
        assert shown()["predicts"] == "any acme.demoBooked within 3 days"
        assert shown()["version"] is None
        run("produce", "-", stdin=lines(range(30)))
        assert until(lambda: (s := shown())["examples"] >= 100 and s, 60)["version"]
        run("produce", "-", stdin=lines(range(30, DAYS)))
        learned = until(lambda: (s := shown())["metrics"].get("evaluated", 0) >= 40 and s, 60)
        assert 0.3 < learned["metrics"]["positive_share"] < 0.7

        run("produce", "-", stdin=lines(range(DAYS, DAYS + 1)))
        yes, no = (
            until(lambda p=person, e=last: score(p, e))
            for person, last in ((7, f"{DEMOS}-7-{DAYS}"), (8, f"{VIEWS}-8-{DAYS}"))
        )
        assert 0 not in (int(yes["version"], 16), int(no["version"], 16))
        assert yes["value"] > 0.7 > 0.3 > no["value"]
        words = json.loads(run("models", "show", "own_words", "--json"))
        assert (words["predicts"], words["examples"] > 0) == (learned["predicts"], True)
        watched = run(
            "watch", "scores", "--from-start", "--profile", "crm:p7", "--model", "own_conversion",
            "--json", "--seconds", "3",
        )  # fmt: skip
        updates = [json.loads(update) for update in watched.splitlines()]
        assert updates[-1]["eventId"] == f"{DEMOS}-7-{DAYS}"
        assert updates[-1]["scores"][0]["value"] == pytest.approx(yes["value"], abs=1e-6)
