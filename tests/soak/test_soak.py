"""Minutes of random crashes: `make soak`.

AFFLUX_SOAK_MINUTES: how long, 5 where it is not set. AFFLUX_SOAK_SEED: of the first round;
each round adds one, so a failed round is run again by its seed. The summary goes to
benchmarks/results/soak.json.
"""

from __future__ import annotations

import json
import os
import platform
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from time import monotonic, time

import pytest

from crash_checks import check
from crash_nursery import Nursery
from crash_site import Site
from crash_soak import Round
from runtime_broker import Broker

pytest_plugins = ["crash_fixtures"]

RESULT = Path(__file__).parents[2] / "benchmarks" / "results" / "soak.json"
MINUTES = float(os.environ.get("AFFLUX_SOAK_MINUTES", "5"))
STEPS = 8


@pytest.mark.timeout(0)
def test_nothing_is_lost_or_doubled(kafka: Broker, nursery: Nursery, tmp_path: Path) -> None:
    """After each round the state and all outputs equal those of one quiet run over its logs."""
    seed = first = int(os.environ.get("AFFLUX_SOAK_SEED") or time())
    began, happened, found = monotonic(), Counter[str](), Counter[str]()
    outcome = "equal"
    try:
        while monotonic() - began < MINUTES * 60:
            folder = tmp_path / str(seed)
            folder.mkdir()
            outcome = f"round {seed} failed"
            with Site(kafka, nursery, folder, seed) as site:
                trial = Round(site)
                print(f"seed {seed}, {len(trial.names)} workers, {trial.job}", flush=True)
                try:
                    trial.run(STEPS)
                finally:
                    happened.update(trial.happened)
                found.update(asdict(check(site)))
            print(f"seed {seed}: equal; {dict(trial.happened)}", flush=True)
            outcome, seed = "equal", seed + 1
    finally:
        _report(kafka, first, seed - first, monotonic() - began, outcome, happened, found)
    assert seed > first


def _report(
    kafka: Broker,
    seed: int,
    rounds: int,
    seconds: float,
    outcome: str,
    happened: Counter[str],
    found: Counter[str],
) -> None:
    content = {
        "outcome": outcome,
        "broker": kafka.kind,
        "first_seed": seed,
        "rounds": rounds,
        "seconds": round(seconds),
        "accidents": dict(sorted(happened.items())),
        "compared": dict(found),
        "machine": f"{os.cpu_count()} CPUs, {platform.system()}",
        "python": platform.python_version(),
    }
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(content, indent=2) + "\n")
    print(json.dumps(content))
