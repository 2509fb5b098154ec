"""Audiences as a person uses them: try a rule, save it, see who is in, hear who comes and goes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runtime_cli import Up, afflux, until

pytestmark = [pytest.mark.embedded, pytest.mark.slow, pytest.mark.timeout(600)]

DAY_MS = 86_400_000
START = 1_760_000_000_000
RECENT = "now - events.purchases.last < duration('48h')"


def event(who: str, day: float, kind: str = "commerce.purchases") -> str:
    """A line of a file of events."""
    made: dict[str, Any] = {
        "_id": f"{who}-{day}",
        "timestamp": START + round(day * DAY_MS),
        "eventType": kind,
        "identityMap": {"crm": [{"id": who, "primary": True}]},
    }
    if kind == "commerce.purchases":
        made["commerce"] = {"order": {"purchaseID": f"{who}{day}", "priceTotal": 20.0}}
    return json.dumps(made)


def run(up: Up, *arguments: str) -> Any:
    """The lines of JSON of `afflux audiences ... --json`; one alone is that one."""
    done = afflux("audiences", *arguments, "--json", cwd=up.folder)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return found[0] if len(found) == 1 else found


def send(up: Up, *lines: str) -> None:
    """Produce events."""
    done = afflux("produce", "-", cwd=up.folder, stdin="\n".join(lines))
    assert done.returncode == 0, done.stderr


def audiences_of(up: Up, who: str) -> dict[str, str]:
    """Audience -> status, of the profile."""
    done = afflux("profile", "get", "crm", who, "--json", cwd=up.folder)
    found = json.loads(done.stdout)["audiences"] if done.returncode == 0 else {}
    return {name: one["status"] for name, one in found.items()}


def test_a_day_with_audiences(tmp_path: Path) -> None:
    """Preview, refusal, save, back-fill, members, overlap, entries, exits, watch, delete."""
    with Up(tmp_path) as up:
        send(up, event("ann", 0), event("bob", 0, "web.webpagedetails.pageViews"), event("cy", 0))
        until(lambda: run(up, "preview", "--rule", RECENT)["asked"] == 3)
        tried = run(up, "preview", "--rule", RECENT)
        assert (tried["inside"], tried["undecided"]) == (2, 1)
        assert sorted(tried["examples"]) == ["crm:ann", "crm:cy"]

        wrong = afflux(
            "audiences", "save", "x", "--rule", "events.purchase.last > now", cwd=tmp_path
        )
        assert wrong.returncode == 1
        assert "audience x, line 1, column 8: `events` has no `purchase`" in wrong.stderr
        assert "  events.purchase.last > now\n         ^" in wrong.stderr
        untold = afflux("audiences", "save", "x", "--rule", "attributes.a == 1", cwd=tmp_path)
        assert "--attribute" in untold.stderr
        assert run(up, "list") == []

        (tmp_path / "recent.cel").write_text(f"// of the last two days\n{RECENT}\n")
        assert run(up, "save", "recent", "--file", "recent.cel")["version"] == 1
        run(up, "save", "lookers", "--rule", "has(events.views.last) && !audiences.recent")
        until(lambda: run(up, "show", "lookers")["back_fill"]["shards_done"] == 64)
        assert sorted(run(up, "members", "recent")["members"]) == ["crm:ann", "crm:cy"]
        assert run(up, "members", "lookers") == {"members": ["crm:bob"], "next": None}
        first = run(up, "members", "recent", "--limit", "1")
        rest = run(up, "members", "recent", "--cursor", first["next"])
        assert sorted(first["members"] + rest["members"]) == ["crm:ann", "crm:cy"]

        # Days later, in steps that one person may make: ann was in, and is not any more. And one
        # that ends twenty seconds after it began, with no event: by a timer.
        run(up, "save", "here", "--rule", "now - events.events.last < duration('20s')")
        send(up, *(event("ann", day, "x.other") for day in (0.9, 1.8, 2.7)))
        # Only who was in can have exited: on a slow machine the twenty seconds may be over by now.
        until(lambda: audiences_of(up, "ann").keys() == {"recent", "here"})
        until(lambda: audiences_of(up, "ann") == {"recent": "exited", "here": "exited"}, 60)
        until(lambda: run(up, "count", "recent")["members"] == 1)
        assert run(up, "overlap", "recent", "lookers")["members"] == 0
        shown = afflux("profile", "get", "crm", "cy", cwd=tmp_path)
        assert "in the audiences recent" in shown.stdout

        watched = afflux(
            "watch",
            "audiences",
            "--from-start",
            "--audience",
            "recent",
            "--json",
            "--seconds",
            "3",
            cwd=tmp_path,
        )
        updates = [json.loads(line) for line in watched.stdout.splitlines()]
        of_ann = [u for u in updates if u["identity"] == "crm:ann"]
        assert of_ann[0]["realized"] == ["recent"]
        assert of_ann[-1]["exited"] == ["recent"]
        assert [m["audience"] for m in of_ann[-1]["memberships"]] == ["here"]
        named = afflux("audiences", "delete", "recent", cwd=tmp_path)
        assert named.returncode == 1
        assert "audience lookers, line 1, column 38: no audience `recent`" in named.stderr
        run(up, "delete", "lookers")
        run(up, "delete", "recent")
        until(lambda: not audiences_of(up, "cy").get("recent"))
        assert afflux("audiences", "members", "recent", cwd=tmp_path).returncode == 1
        assert up.stop() == 0
