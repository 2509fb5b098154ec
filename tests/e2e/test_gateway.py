"""`afflux api` beside a running stack: keys, events in, profiles and scores out, the end."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

from gateway.client import Client, Refused, ScoreEvent, Unavailable
from launcher.ports import free_ports
from runtime_cli import Up, afflux, command, environment, gone, until

pytestmark = [pytest.mark.embedded, pytest.mark.slow, pytest.mark.timeout(180)]


class Api:
    """A running `afflux api`; `url` once it listens."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.log = folder / "api.log"
        with self.log.open("wb") as out:
            self._process = subprocess.Popen(
                command("api", "--port", "0", *arguments), cwd=folder, env=environment(),
                stdout=out, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def text(self) -> str:
        """All that it has said."""
        return self.log.read_text()

    def __enter__(self) -> Self:
        def listening() -> re.Match[str] | None:
            assert self._process.poll() is None, self.text()
            return re.search(r"listening on (http://\S+)", self.text())

        self.url: str = until(listening)[1]
        until(self._ready)
        return self

    def _ready(self) -> bool:
        try:
            parts = httpx.get(f"{self.url}/health/ready").json()
        except httpx.HTTPError:
            return False
        return all(parts.values())

    def stop(self) -> int:
        """End it as a service manager does."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        return self._process.wait(30)

    def __exit__(self, *_: object) -> None:
        self.stop()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A running stack with a worker."""
    with Up(tmp_path_factory.mktemp("stack")) as up:
        yield up


def key(up: Up, *arguments: str) -> str:
    """A new key, as it is printed."""
    done = afflux("keys", "create", "test", *arguments, cwd=up.folder)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def purchase(id: str, number: int) -> dict[str, Any]:
    """An event of a person of this test."""
    return {
        "_id": f"{id}-{number}", "timestamp": 1_760_000_000_000 + number * 86_400_000,
        "eventType": "commerce.purchases", "identityMap": {"crm": [{"id": id}]},
        "commerce": {"order": {"priceTotal": 20.0}},
    }  # fmt: skip


def test_events_in_profiles_and_scores_out(stack: Up) -> None:
    """With a key: POST, then the profile, a resumed stream of its scores; SIGTERM ends it all."""
    text = key(stack, "--scope", "query", "--scope", "ingest")
    with Api(stack.folder) as api, Client(api.url, text) as client:
        assert httpx.get(f"{api.url}/v1/models").status_code == 401
        assert client.send([purchase("ann", n) for n in range(3)]) == 3
        assert client.send([purchase("ann", 2)]) == 1

        def bought() -> dict[str, Any] | None:
            found = client.profile("crm", "ann")
            return found if found and found["engagement"]["purchases"] == 3 else None

        profile = until(bought)
        assert profile["scores"]["churn"]["event_id"] == "ann-2"
        later = 1_760_000_000_000 + 30 * 86_400_000
        anew = client.profile("crm", "ann", ["scores", "features"], later, fresh=True)
        assert anew is not None
        assert (anew["at"], anew["scores"]["churn"]["event_time"]) == (later, later)
        assert anew["scores"]["churn"]["event_id"] == ""
        assert anew["features"] != profile["features"]
        (now,) = client.profiles([("crm", "ann")], fresh=True)
        assert now is not None
        assert profile["at"] <= now["at"] < later
        with pytest.raises(Refused) as refused:
            client.send([purchase("", 1)])
        assert refused.value.errors[0]["pointer"] == "/0/identityMap/crm/0/id"
        assert {m["name"] for m in client.models()} >= {"churn", "lifetime_value"}

        stream = client.scores(profile="crm:ann", from_start=True)
        seen = [next(stream)]
        while seen[-1].update["eventId"] != "ann-2":
            seen.append(next(stream))
        last = seen[-1].id
        assert client.send([purchase("ann", 3)]) == 1
        after: ScoreEvent = next(client.scores(profile="crm:ann", last_id=last))
        assert after.update["eventId"] == "ann-3"

        begin = time.monotonic()
        assert api.stop() == 0, api.text()
        assert time.monotonic() - begin < 10
    said = api.text()
    assert "Traceback" not in said
    audit = [json.loads(line) for line in said.splitlines() if line.startswith('{"at"')]
    assert {line["action"] for line in audit} == {"read", "subscribe"}
    assert "ann" not in said.replace("cannot", "").replace("channel", "")


def test_keys_are_made_listed_and_revoked(stack: Up) -> None:
    """The secret is shown once; what is listed lets nobody in; a revoked key is gone."""
    text = key(stack, "--scope", "admin", "--namespace", "crm")
    id, secret = text.split("_", 2)[1:]
    listed = afflux("keys", "list", "--json", cwd=stack.folder).stdout
    entries = {e["id"]: e for e in map(json.loads, listed.splitlines())}
    assert entries[id]["scopes"] == ["admin"]
    assert entries[id]["namespaces"] == ["crm"]
    assert f"{id}  " in afflux("keys", "list", cwd=stack.folder).stdout
    kept = (stack.folder / ".afflux" / "api-keys.json").read_text()
    assert id in kept
    assert secret not in listed + kept
    assert afflux("keys", "revoke", id, cwd=stack.folder).returncode == 0
    assert afflux("keys", "revoke", id, cwd=stack.folder).returncode == 1
    assert id not in afflux("keys", "list", cwd=stack.folder).stdout
    wrong = afflux(
        "keys", "create", "x", "--scope", "query", "--namespace", "c:m", cwd=stack.folder
    )
    assert (wrong.returncode, "Traceback" in wrong.stderr) == (1, False)


def test_up_starts_it_too(tmp_path: Path) -> None:
    """`afflux up --api`: one command more to have it, and it ends with the rest."""
    (port,) = free_ports(1)
    with Up(tmp_path, "--api", env={"AFFLUX_GATEWAY_PORT": str(port)}) as up:
        with Client(f"http://127.0.0.1:{port}") as client:
            until(lambda: _sent(client))
        pids = up.pids
        assert up.stop() == 0, up.said
    assert f"api     http://127.0.0.1:{port}" in up.rest()
    until(lambda: all(map(gone, pids)))


def _sent(client: Client) -> bool:
    try:
        return client.send([purchase("bob", 1)]) == 1
    except Unavailable:
        return False


def test_it_listens_to_others_only_with_keys(tmp_path: Path) -> None:
    """Off loopback and without a key: exit 1 with a hint, before anything is served."""
    env = {"AFFLUX_KAFKA_BOOTSTRAP": "127.0.0.1:9", "AFFLUX_REDIS_URL": "redis://127.0.0.1:9"}
    done = afflux("api", "--host", "0.0.0.0", "--port", "0", cwd=tmp_path, env=env)
    assert done.returncode == 1
    assert "there is no API key" in done.stderr
    assert "afflux keys create" in done.stderr
    assert "listening" not in done.stderr
    assert os.listdir(tmp_path) == []
