"""Reading profiles with `ProfileStore`: one at a time, many at once, the same one for ever.

    python benchmarks/read_bench.py [--calls 3000] [--tree OTHER_CHECKOUT] [--output FILE.md]

People have the five default scores and two linked identities, both with events. CPU is that of
this process, by the call; it holds on a busy machine, where wall time does not. With --tree the
code of another checkout is measured in turn with ours, in the same run and on the same Redis.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, os.environ.get("AFFLUX_BENCH_TREE", str(Path(__file__).resolve().parents[1])))
sys.path.insert(1, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from afflux.catalog import Catalog
from models import default_models
from profile_store import ProfileStore

HERE = Path(__file__).resolve().parents[1]
PEOPLE, MANY, IDENTICAL, ROUNDS = 1_000, 1_000, 10_000, 3
CASES = {
    "get, two linked identities": "linked",
    "get, one identity": "single",
    f"get_many of {MANY:,}": "many",
    f"get, {IDENTICAL:,} times the same": "same",
}


def main() -> None:
    """Run all cases and print a table."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--calls", type=int, default=3_000)
    arguments.add_argument("--tree", type=Path, help="another checkout, measured in turn")
    arguments.add_argument("--output", type=Path)
    arguments.add_argument("--child", help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.child:
        print(json.dumps(measure(given.child, given.calls)))
        return
    from store_redis import RedisProcess

    with RedisProcess() as server:
        asyncio.run(people(server.url))
        trees = {"now": HERE, **({"before": given.tree} if given.tree else {})}
        rounds: dict[str, list[dict[str, dict[str, float]]]] = {name: [] for name in trees}
        for _ in range(ROUNDS):
            for name, where in trees.items():
                rounds[name].append(in_turn(where, server.url, given.calls))
    text = "\n".join([*head(), "", *table(rounds)]) + "\n"
    print(text)
    if given.output:
        given.output.write_text(text)


def in_turn(where: Path, url: str, calls: int) -> dict[str, dict[str, float]]:
    """The figures of one checkout, in a process of its own."""
    argv = [sys.executable, __file__, "--child", url, "--calls", str(calls)]
    env = {**os.environ, "AFFLUX_BENCH_TREE": str(where)}
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=True)
    found: dict[str, dict[str, float]] = json.loads(done.stdout)
    return found


def head() -> list[str]:
    """What was measured where."""
    return [
        "# Reading profiles",
        "",
        f"`python benchmarks/read_bench.py`: {PEOPLE:,} people with two linked identities, five "
        f"models; the best of {ROUNDS} rounds in turn. {os.cpu_count()} cores shared with Redis "
        f"and others (load average {os.getloadavg()[0]:.1f} at the end), Python "
        f"{platform.python_version()}.",
    ]


def table(rounds: dict[str, list[dict[str, dict[str, float]]]]) -> list[str]:
    """A row a case and checkout: of each figure the best round."""
    lines = ["| what | | CPU | p50 | p99 |", "|---|---|--:|--:|--:|"]
    for title, case in CASES.items():
        for name, found in rounds.items():
            best = {key: min(one[case][key] for one in found) for key in ("cpu", "p50", "p99")}
            shown = " | ".join(f"{best[key]:.3f} ms" for key in ("cpu", "p50", "p99"))
            lines.append(f"| {title} | {name} | {shown} |")
    flat = [one["same"] for one in rounds["now"]]
    lines += [
        "",
        f"The last tenth of the {IDENTICAL:,} identical calls takes "
        f"{min(one['drift'] for one in flat):.2f} to {max(one['drift'] for one in flat):.2f} times "
        f"the CPU of the first; the process grows by "
        f"{max(one['grown_kb'] for one in flat):,.0f} KB meanwhile.",
    ]
    return lines


async def people(url: str) -> None:
    """Each with events under two identities, which are linked, and attributes."""
    from profile_store.installation import Installation, ensure_installation
    from profile_store.redis_store import RedisShardStore
    from store_people import PARTITIONS, SHARDS, describe, fold, link, purchase, view

    catalog = Catalog(default_models())
    store = RedisShardStore(url, SHARDS)
    await ensure_installation(store, Installation.of(catalog, SHARDS, PARTITIONS))
    rows = [purchase(n + 1, n % 30, f"crm:{n}", 20 + n % 7) for n in range(PEOPLE)]
    rows += [view(PEOPLE + n + 1, 31, f"email:{n}") for n in range(PEOPLE)]
    rows += [purchase(2 * PEOPLE + n + 1, n % 30, f"alone:{n}", 20 + n % 7) for n in range(PEOPLE)]
    await fold(store, rows, catalog)
    for n in range(PEOPLE):
        await describe(store, f"crm:{n}", 1, {"tier": "gold", "household": n % 5})
        await link(store, (f"crm:{n}", f"email:{n}"), day=2)
    await store.close()


def measure(url: str, calls: int) -> dict[str, dict[str, float]]:
    """Milliseconds of each case."""
    found = {}
    with ProfileStore(url) as store:
        profile = store.get("crm", "1")
        assert profile is not None
        assert len(profile.identities) == 2
        assert len(profile.scores) == len(default_models())
        for n in range(calls // 10):
            store.get("crm", str(n % PEOPLE))
        gc.collect()
        gc.freeze()
        found["linked"] = timed(store, [("crm", str(n % PEOPLE)) for n in range(calls)])
        found["single"] = timed(store, [("alone", str(n % PEOPLE)) for n in range(calls)])
        everybody = [("crm", str(n)) for n in range(MANY)]
        took, cpu = [], time.process_time()
        for _ in range(9):
            began = time.perf_counter()
            assert None not in store.get_many(everybody)
            took.append(time.perf_counter() - began)
        found["many"] = summary(took, (time.process_time() - cpu) / len(took))
        part = IDENTICAL // 10
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        same = [timed(store, [("crm", "7")] * part) for _ in range(10)]
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        found["same"] = {key: float(np.mean([one[key] for one in same])) for key in same[0]} | {
            "drift": same[-1]["cpu"] / same[0]["cpu"], "grown_kb": float(grown),
        }  # fmt: skip
    return found


def timed(store: ProfileStore, who: list[tuple[str, str]]) -> dict[str, float]:
    """Of one call each."""
    took, cpu = [], time.process_time()
    for one in who:
        began = time.perf_counter()
        store.get(*one)
        took.append(time.perf_counter() - began)
    return summary(took, (time.process_time() - cpu) / len(took))


def summary(took: list[float], cpu: float) -> dict[str, float]:
    """Milliseconds."""
    ms = np.array(took) * 1000
    return {"cpu": cpu * 1000, "p50": float(np.median(ms)), "p99": float(np.percentile(ms, 99))}


if __name__ == "__main__":
    main()
