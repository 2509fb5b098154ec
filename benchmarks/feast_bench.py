"""One profile read by `ProfileStore` and by Feast, on the same Redis, with as many values.

    python benchmarks/feast_bench.py [--calls 2000] [--rounds 3] [--output FILE.md]

Feast runs in a process and an environment of its own, which is made once (`peer_venv.py`). Both are
asked for one person a call, in turn, round by round. Ours returns features, five scores with
factors, engagement and open examples; Feast as many numbers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from benchmarks import read_bench
from benchmarks.peer_venv import peer_python
from profile_store import ProfileStore
from store_redis import RedisProcess

PEER = Path(__file__).parent / "peers" / "feast_online.py"
PACKAGE = "feast[redis]>=0.60,<1"
PEOPLE = 300


def main() -> None:
    """Install, run in turn, print."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--calls", type=int, default=2_000)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--output", type=Path)
    given = arguments.parse_args()
    python = str(peer_python("feast", [PACKAGE]))
    read_bench.PEOPLE = PEOPLE
    ours, theirs = [], []
    with RedisProcess() as server:
        asyncio.run(read_bench.people(server.url))
        with ProfileStore(server.url) as store:
            values = values_of(store)
            for _ in range(given.rounds):
                ours.append(afflux(store, given.calls))
                theirs.append(feast(python, server.port, values, given.calls))
    version = subprocess.run(
        [python, "-c", "import feast; print(feast.__version__)"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    text = "\n".join(page(ours, theirs, values, version)) + "\n"
    print(text)
    if given.output:
        given.output.write_text(text)


def values_of(store: ProfileStore) -> int:
    """Numbers in a profile: features, and value and score of each model."""
    profile = store.get("alone", "1")
    assert profile is not None
    return len(profile.features) + 2 * len(profile.scores)


def afflux(store: ProfileStore, calls: int) -> dict[str, float]:
    """Milliseconds of one profile."""
    people = [("alone", str(n % PEOPLE)) for n in range(calls)]
    read_bench.timed(store, people[: calls // 10])
    return read_bench.timed(store, people)


def feast(python: str, port: int, values: int, calls: int) -> dict[str, float]:
    """The same of Feast."""
    argv = [python, str(PEER), str(port), str(PEOPLE), str(values), str(calls)]
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    env["FEAST_USAGE"] = "False"
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def page(
    ours: list[dict[str, float]], theirs: list[dict[str, float]], values: int, version: str
) -> list[str]:
    """Medians and tails of the best round of each, and how far they are apart."""
    lines = [
        "# One profile beside Feast",
        "",
        f"`python benchmarks/feast_bench.py`: {values} values of one of {PEOPLE} people a call, "
        f"the best of {len(ours)} rounds in turn on one Redis; Feast {version}, "
        f"{os.cpu_count()} cores shared with others (load average {os.getloadavg()[0]:.1f} at the "
        f"end), Python {platform.python_version()}.",
        "",
        "| | Afflux `ProfileStore.get` | Feast `get_online_features` | times |",
        "|---|--:|--:|--:|",
    ]
    for name, key in (("p50", "p50"), ("p99", "p99"), ("CPU of the reader", "cpu")):
        mine, other = min(one[key] for one in ours), min(one[key] for one in theirs)
        lines.append(f"| {name} | {mine:.2f} ms | {other:.2f} ms | {other / mine:.1f} |")
    return lines


if __name__ == "__main__":
    main()
