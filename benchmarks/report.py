"""Results as JSON and as a page to read."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

Record = dict[str, Any]

VERSIONS = ("faust-streaming", "confluent-kafka", "fastavro", "pyruhvro", "redis", "river", "numpy")


def machine() -> Record:
    """What it ran on."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in VERSIONS},
    }


def summary(runs: Sequence[Record]) -> list[Record]:
    """Median, smallest and largest of the repeats of each case."""
    cases: dict[tuple[str, ...], list[Record]] = {}
    for run in runs:
        key = (run["kind"], run["broker"], run["keys"], run["system"])
        cases.setdefault(key, []).append(run["result"])
    return [
        {
            **dict(zip(("kind", "broker", "keys", "system"), key, strict=True)),
            "repeats": len(results),
            **{name: _spread([r[name] for r in results]) for name in results[0]},
        }
        for key, results in cases.items()
    ]


def markdown(document: Record) -> str:
    """The page."""
    return "\n".join(_page(document)) + "\n"


def _page(document: Record) -> Iterator[str]:
    where = document["machine"]
    yield "# Afflux beside its peers\n"
    yield (
        f"Measured {document['date']} on {where['cpu']}, {where['cores']} cores shared by broker, "
        f"Redis, load and worker, {where['memory_gb']} GB, {where['system']}, Python "
        f"{where['python']}. Medians of interleaved repeats, smallest and largest in brackets. "
        "One worker process each; 'afflux' with two models, its learner and no work that the "
        "peers do not do, 'afflux full' as it comes; the peers (`benchmarks/peers/`) with one "
        "model: the obvious Faust app, the same in Quix Streams, and a careful loop by hand.\n"
    )
    rows = [r for r in document["summary"] if r["kind"] == "throughput"]
    if rows:
        yield "## A full log: XDM baskets and page views, half and half\n"
        yield (
            "| broker | keys | system | events | events/s | CPU µs an event | Redis CPU µs "
            "| broker CPU µs | worker MB |"
        )
        yield "|---|---|---|---|---|---|---|---|---|"
        for r in rows:
            names = ("events_per_s", "cpu_us", "redis_cpu_us", "broker_cpu_us", "rss_mb")
            cells = " | ".join(_cell(r[name]) for name in names)
            yield (
                f"| {r['broker']} | {r['keys']} | {r['system']} | {r['events']['median']:,.0f} "
                f"| {cells} |"
            )
        yield ""
        yield from _ratios(rows)
    rows = [r for r in document["summary"] if r["kind"] == "freshness"]
    if rows:
        yield "## Freshness: from the producer's call to the score read in Redis\n"
        yield "After 15 s at the same rate, or as many as are measured where that is less.\n"
        yield "| broker | system | events/s | scores | lost | p50 ms | p95 ms | p99 ms | max ms |"
        yield "|---|---|---|---|---|---|---|---|---|"
        for r in rows:
            cells = " | ".join(_cell(r[name], 1) for name in ("p50", "p95", "p99", "max"))
            counts = " | ".join(f"{r[name]['median']:,.0f}" for name in ("rate", "events", "lost"))
            yield f"| {r['broker']} | {r['system']} | {counts} | {cells} |"
        yield ""
    packages = ", ".join(f"{name} {v}" for name, v in where["packages"].items())
    yield f"{packages}. Again: `make bench`."


def _ratios(rows: Sequence[Record]) -> Iterator[str]:
    pairs = [
        (ours, peer)
        for ours in rows
        for peer in rows
        if ours["system"].startswith("afflux")
        and not peer["system"].startswith("afflux")
        and (ours["broker"], ours["keys"]) == (peer["broker"], peer["keys"])
    ]
    if not pairs:
        return
    yield "Afflux beside its peers:\n"
    yield "| broker | keys | | beside | times the events/s | times less CPU an event |"
    yield "|---|---|---|---|---|---|"
    for ours, peer in pairs:
        speed = ours["events_per_s"]["median"] / peer["events_per_s"]["median"]
        cost = peer["cpu_us"]["median"] / ours["cpu_us"]["median"]
        where = f"{ours['broker']} | {ours['keys']} | {ours['system']} | {peer['system']}"
        yield f"| {where} | {speed:.1f} | {cost:.1f} |"
    yield ""


def _cell(spread: Record, digits: int = 0) -> str:
    middle, low, high = (f"{spread[n]:,.{digits}f}" for n in ("median", "min", "max"))
    return middle if low == high else f"{middle} ({low}-{high})"


def _spread(values: Sequence[float]) -> Record:
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
