"""`afflux verify` and the worker's own look, on a running stack with a fault planted in Redis."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import redis

from launcher.ports import free_ports
from profile_store import ProfileStore
from profile_store.keys import Keys
from runtime_cli import Up, afflux, until

pytestmark = [pytest.mark.embedded, pytest.mark.slow, pytest.mark.timeout(240)]

START = 1_760_000_000_000
PEOPLE = 80


def events() -> Iterator[dict[str, Any]]:
    """Purchases and views of some weeks; every tenth event names a second identity."""
    chance = random.Random(4)
    for n in range(1_500):
        who: dict[str, Any] = {"crm": [{"id": str(chance.randrange(PEOPLE)), "primary": True}]}
        if n % 10 == 0:
            who["email"] = [{"id": f"{who['crm'][0]['id']}@example.org"}]
        event = {
            "_id": f"e{n - (n % 50 == 3)}", "timestamp": START + n * 1_800_000,
            "identityMap": who, "eventType": "commerce.productViews",
            "productListItems": [{"SKU": f"sku-{n % 40}"}],
        }  # fmt: skip
        if n % 3 == 0:
            event["eventType"] = "commerce.purchases"
            event["commerce"] = {"order": {"priceTotal": 9.99}}
        yield event


def metric(port: int, name: str) -> float:
    """The value of one of the worker's metrics."""
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith(f"{name} "):
                return float(line.split()[1])
    raise AssertionError(f"no metric {name}")


def test_a_fault_is_found_by_the_command_and_by_the_worker(tmp_path: Path) -> None:
    """Nothing differs; then a bit of a row is changed, and both say so; then it is put back."""
    (port,) = free_ports(1)
    env = {
        "AFFLUX_VERIFY_RECORDS_PER_S": "5000", "AFFLUX_VERIFY_PEOPLE": "1000",
        "AFFLUX_WORKER_METRICS_PORT": str(port),
    }  # fmt: skip
    with Up(tmp_path, env=env) as up:
        (up.folder / "events.jsonl").write_text("\n".join(map(json.dumps, events())) + "\n")
        done = afflux("produce", "events.jsonl", cwd=up.folder)
        assert done.returncode == 0, done.stderr

        def verify(*arguments: str) -> dict[str, Any]:
            ran = afflux("verify", "--json", *arguments, cwd=up.folder)
            assert ran.returncode in (0, 1), ran.stderr
            found: dict[str, Any] = json.loads(ran.stdout)
            assert bool(found["mismatched"]) == bool(ran.returncode)
            return found

        whole = until(lambda: (v := verify())["checked"] > PEOPLE and v, 60)
        assert (whole["mismatched"], whole["not_checkable"], whole["unsettled"]) == (0, 0, 0)
        until(lambda: metric(port, "afflux_verify_checked_total") > PEOPLE, 60)
        assert metric(port, "afflux_verify_mismatched_total") == 0

        run = json.loads((up.folder / ".afflux" / "run.json").read_text())
        with ProfileStore(run["redis_url"]) as store:
            keys = Keys(store.installation().shards)
        with redis.Redis.from_url(run["redis_url"]) as client:
            key = min(client.scan_iter(b"f:*:crm:*"))
            shard, identity = keys.owner_of(key) or (0, b"")
            row = client.get(key) or b""
            client.set(key, row[:200] + bytes([row[200] ^ 1]) + row[201:])
            found = verify("--sample", "0")
            assert [d["identity"] for d in found["differences"]] == [identity.decode()]
            (field,) = found["differences"][0]["fields"]
            assert field["stored"] != field["expected"]
            namespace, _, name = identity.decode().partition(":")
            named = verify("--identity", namespace, name)
            assert (named["checked"], named["mismatched"]) == (1, 1)
            said = afflux("verify", cwd=up.folder)
            assert said.returncode == 1
            assert identity.decode() in said.stdout
            assert f"{field['field']}: stored" in said.stdout
            until(lambda: metric(port, "afflux_verify_mismatch_rate") > 0, 60)
            assert metric(port, "afflux_verify_mismatched_total") >= 1
            client.set(key, row)
        assert verify("--sample", "0")["mismatched"] == 0
        until(lambda: metric(port, "afflux_verify_mismatch_rate") == 0, 60)
        said_so = f"of partition {shard % run['partitions']} are not what the log says"
        logs = [path.read_text() for path in (up.folder / ".afflux").rglob("worker-*.log")]
        assert any(said_so in log for log in logs)
