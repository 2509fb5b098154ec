"""`afflux demo` from the outside: what it prints, what it counts, what it leaves behind."""

from __future__ import annotations

import json
from pathlib import Path

import psutil
import pytest

from runtime_broker import Broker
from runtime_cli import afflux

KEYS = {
    "data", "events_in", "accepted", "rejected", "duplicates", "profiles", "seconds",
    "events_per_s", "worker_cpu_us_per_event", "worker_rss_mb", "freshness_ms", "broker",
    "models", "dlq",
}  # fmt: skip


def _ours(folder: Path) -> list[int]:
    """Processes that work in this folder."""
    found = []
    for process in psutil.process_iter(["pid", "environ", "cmdline"]):
        env = process.info["environ"] or {}
        line = " ".join(process.info["cmdline"] or [])
        if str(folder) in env.get("AFFLUX_DATA_DIR", "") or str(folder) in line:
            found.append(process.info["pid"])
    return found


@pytest.mark.embedded
@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_demo_accounts_for_every_event(tmp_path: Path) -> None:
    """Exit 0; the last line is the JSON object; each record is counted once; nothing is left."""
    done = afflux("demo", "--data", "generated", "--events", "3000", "--json", cwd=tmp_path,
                  timeout=200)  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 1
    result = json.loads(lines[-1])
    assert result.keys() >= KEYS
    assert result["broker"] == "embedded"
    assert result["data"] == "generated"
    assert result["real"] is False
    rejected = sum(result["rejected"].values())
    assert result["events_in"] == result["accepted"] + rejected + result["duplicates"]
    assert result["dlq"] == result["rejected"]
    assert rejected >= 13
    assert result["duplicates"] >= 5
    assert result["events_in"] > 3000
    assert result["profiles"] >= 50
    assert 0 < result["freshness_ms"]["p50"] <= result["freshness_ms"]["p99"]
    assert set(result["models"]) == {
        "churn",
        "coupon_conversion",
        "engagement",
        "lifetime_value",
        "purchase_7d",
    }
    for name, figure in (("churn", "auc"), ("lifetime_value", "mae")):
        assert result["models"][name].keys() >= {"examples", figure, "ece", "window"}
    assert all(model["examples"] > 100 for model in result["models"].values())
    assert result["worker_rss_mb"] > 50
    assert "Traceback" not in done.stderr
    assert "because of" in done.stderr
    assert "\x1b" not in done.stderr + done.stdout, "no terminal codes into a pipe"
    assert not _ours(tmp_path)
    assert not (tmp_path / ".afflux" / "run.json").exists()


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_demo_runs_on_apache_kafka(kafka: Broker, tmp_path: Path) -> None:
    """`--kafka` gives the same account on a broker of its own, which it ends."""
    if kafka.kind != "kafka":
        pytest.skip("no real Kafka here")
    done = afflux("demo", "--data", "generated", "--events", "1000", "--kafka", "--json",
                  cwd=tmp_path, timeout=200)  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["broker"] == "kafka"
    assert result["dlq"] == result["rejected"]
    assert not _ours(tmp_path)


@pytest.mark.embedded
@pytest.mark.slow
@pytest.mark.timeout(240)
def test_without_the_data_set_the_demo_says_so(tmp_path: Path) -> None:
    """Where CDNOW cannot be fetched, generated data is replayed, marked so, and exit is 0."""
    env = {
        "AFFLUX_CACHE_DIR": str(tmp_path / "empty"),
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(tmp_path),
    }
    done = afflux("demo", "--data", "cdnow", "--events", "500", "--json", cwd=tmp_path, env=env,
                  timeout=200)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "not the wanted data" in done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert (result["data"], result["real"]) == ("generated", False)


def test_a_demo_beside_a_running_stack_is_refused(tmp_path: Path) -> None:
    """The data folder of a stack that runs is not touched; the message says what to do."""
    folder = tmp_path / ".afflux"
    folder.mkdir()
    run = {"broker": "embedded", "bootstrap": "x:1", "redis_url": "redis://x:2", "partitions": 4}
    import os

    (folder / "run.json").write_text(json.dumps({"pid": os.getpid(), **run}))
    done = afflux("demo", "--data", "generated", "--events", "100", cwd=tmp_path)
    assert done.returncode == 1
    assert "a stack already runs" in done.stderr
    assert "hint" in done.stderr
    assert json.loads((folder / "run.json").read_text())["pid"] == os.getpid()
