"""Data sets with one `afflux up`: declared while a worker runs, filled, switched, deleted."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runtime_cli import Up, afflux, until

pytestmark = [pytest.mark.embedded, pytest.mark.slow, pytest.mark.timeout(600)]

START = 1_760_000_000_000


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A running stack with a worker."""
    with Up(tmp_path_factory.mktemp("stack")) as up:
        yield up


def run(up: Up, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """A command that works."""
    done = afflux(*arguments, cwd=up.folder, stdin=stdin)
    assert done.returncode == 0, done.stderr
    return done


def record(at: int, **values: object) -> str:
    """A line for `afflux produce`."""
    return json.dumps(
        {
            "timestamp": START + at,
            "identityMap": {"email": [{"id": "ada@example.org"}]},
            "attributes": values,
        }
    )


def attributes(up: Up) -> dict[str, Any]:
    """Of Ada, as the store has them."""
    done = afflux("profile", "get", "email", "ada@example.org", "--json", cwd=up.folder)
    return dict(json.loads(done.stdout)["attributes"]) if done.returncode == 0 else {}


def described(up: Up, name: str) -> dict[str, Any]:
    """A data set."""
    found: dict[str, Any] = json.loads(run(up, "datasets", "describe", name, "--json").stdout)
    return found


def test_a_data_set_from_its_making_to_its_end(stack: Up) -> None:
    """Created in one step, read by the running worker, counted, switched off and on, deleted."""
    make = ("datasets", "create", "loyalty", "--field", "tier=string", "--precedence", "200")
    made = run(stack, *make, "--ttl", "365d")
    assert "created loyalty\n" in made.stdout
    assert "created loyalty.dlq\n" in made.stdout
    again = run(stack, *make, "--ttl", "365d", "--field", "points=long", "--json")
    assert json.loads(again.stdout)["fields"] == {"points": "long", "tier": "string"}

    bad = afflux(
        "produce", "-", "--into", "loyalty", cwd=stack.folder, stdin=record(1, colour="red")
    )
    assert "/attributes/colour: the data set has no such field" in bad.stderr
    run(stack, "produce", "-", "--into", "loyalty", stdin=record(2, tier="gold"))
    run(stack, "produce", "-", "--into", "attributes", stdin=record(3, city="Ulm"))
    until(lambda: attributes(stack) == {"tier": "gold", "city": "Ulm"}, 60)

    run(stack, "produce", "-", "--into", "attributes", stdin=record(4, city="Ulm", tier="tin"))
    until(lambda: attributes(stack)["tier"] == "tin")
    ranked = afflux(
        "profile", "get", "email", "ada@example.org", "--json", "--policy", "dataset-precedence",
        cwd=stack.folder,
    )  # fmt: skip
    assert json.loads(ranked.stdout)["attributes"] == {"tier": "gold", "city": "Ulm"}
    order = ("--attributes", "dataSetPrecedence", "--order", "loyalty,attributes")
    run(stack, "policies", "create", "loyal", *order)
    run(stack, "policies", "default", "loyal")
    assert attributes(stack)["tier"] == "gold"
    kept = afflux("policies", "delete", "loyal", cwd=stack.folder)
    assert "loyal is the default" in kept.stderr
    run(stack, "policies", "default", "timestamp-ordered")
    run(stack, "policies", "delete", "loyal")
    lines = run(stack, "policies", "list", "--json").stdout.splitlines()
    by_default = [one["name"] for one in map(json.loads, lines) if one["default"]]
    assert by_default == ["timestamp-ordered"]
    no = afflux("profile", "get", "email", "x", "--policy", "loyal", cwd=stack.folder)
    assert "there is no merge policy loyal; there are: timestamp-ordered" in no.stderr

    one = until(lambda: (d := described(stack, "loyalty"))["behind"] == 0 and d)
    assert (one["accepted"], one["rejected"], one["records"]) == (1, 0, 1)
    assert (one["newest"], one["ttl_days"], one["precedence"]) == (START + 2, 365, 200)
    listed = run(stack, "datasets", "list").stdout
    assert listed.index("experience-events") < listed.index("profile-attributes")
    assert "loyalty" in listed

    run(stack, "datasets", "disable", "loyalty")
    early = afflux("datasets", "delete", "loyalty", cwd=stack.folder)
    assert "was disabled just now" in early.stderr
    until(lambda: not described(stack, "loyalty")["enabled"])
    run(stack, "produce", "-", "--into", "loyalty", stdin=record(4, tier="tin"))
    until(
        lambda: (
            described(stack, "loyalty")["set_aside"] + described(stack, "loyalty")["accepted"] == 2
        )
    )

    gone = until(
        lambda: (
            (d := afflux("datasets", "delete", "loyalty", cwd=stack.folder)).returncode == 0 and d
        )
    )
    assert "data set loyalty is deleted, with 1 rows" in gone.stdout
    until(lambda: attributes(stack) == {"city": "Ulm", "tier": "tin"})
    unknown = afflux("datasets", "describe", "loyalty", cwd=stack.folder)
    assert "there is no data set loyalty; there are: events, attributes, patches" in unknown.stderr
    run(stack, "produce", "-", "--into", "attributes", stdin=record(9, city="Bonn", trial=True))
    patch = {
        "timestamp": START + 10, "identityMap": {"email": [{"id": "ada@example.org"}]},
        "upsert": {"tier": "new"}, "remove": ["trial"],
    }  # fmt: skip
    run(stack, "produce", "-", "--into", "patches", stdin=json.dumps(patch))
    until(lambda: attributes(stack) == {"city": "Bonn", "tier": "new"}, 60)
    assert Path(stack.folder).is_dir()
