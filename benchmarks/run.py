"""Afflux and what one would write instead side by side, in one run, on the same events.

Every run has a broker, a Redis and one worker process of its own, all on this machine. Repeats
are interleaved, so that what disturbs the machine disturbs all. Peers that take one event at a
time get the first part of the same log: at their speed all of it would take minutes.
"""

from __future__ import annotations

import argparse
import datetime
import json
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.measure import freshness, throughput
from benchmarks.report import machine, markdown, summary
from benchmarks.systems import Afflux, AffluxFull, HandLoop, Naive, Peer, Quix
from benchmarks.xdm_events import Event, events
from launcher.errors import LauncherError
from launcher.kafka_jars import java, kafka_jars
from launcher.stack import Kind, Stack

RESULTS = Path(__file__).parent / "results"
SYSTEMS = (Afflux, AffluxFull, Naive, Quix, HandLoop)
PEOPLE = 20_000


def main() -> None:
    """Run, print the page, and write both results unless told not to."""
    # A terminated run must still stop its servers and remove its folders.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    options = _options()
    brokers = [broker for broker in options.brokers if _can_run(broker)]
    runs = list(_runs(options, brokers))
    document = {
        "date": datetime.date.today().isoformat(),
        "machine": machine(),
        "options": {k: v for k, v in vars(options).items() if k != "out"},
        "summary": summary(runs),
        "runs": runs,
    }
    page = markdown(document)
    print(page)
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "latest.json").write_text(json.dumps(document, indent=1) + "\n")
        (options.out / "latest.md").write_text(page)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few events, once, nothing written")
    parser.add_argument("--events", type=int, help="length of the log")
    parser.add_argument("--naive-events", type=int, help="how much of it the slow peers get")
    parser.add_argument("--repeats", type=int, help="of each case")
    parser.add_argument("--seconds", type=float, help="of each run at a steady rate")
    parser.add_argument("--rate", type=float, default=500.0, help="steady events/s")
    parser.add_argument("--brokers", nargs="+", default=["embedded", "kafka"])
    parser.add_argument("--keys", nargs="+", help="uniform, skewed")
    parser.add_argument("--systems", nargs="+", default=[s.name for s in SYSTEMS])
    parser.add_argument("--out", type=Path, help="folder of the results")
    options = parser.parse_args()
    quick = options.quick
    defaults: dict[str, Any] = {
        "events": 40_000 if quick else 200_000,
        "naive_events": 4_000 if quick else 20_000,
        "repeats": 1 if quick else 3,
        "seconds": 6.0 if quick else 20.0,
        "keys": ["uniform"] if quick else ["uniform", "skewed"],
        "out": None if quick else RESULTS,
    }
    for name, value in defaults.items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    return options


def _runs(options: argparse.Namespace, brokers: Sequence[Kind]) -> Iterator[dict[str, Any]]:
    systems = [s for s in SYSTEMS if s.name in options.systems]
    logs = {keys: events(options.events, PEOPLE, keys) for keys in options.keys}
    for repeat in range(options.repeats):
        for broker in brokers:
            for system in systems:
                for keys, log in logs.items():
                    part = log[: options.naive_events] if system in (Naive, Quix) else log
                    yield _run("throughput", broker, keys, system, repeat, part, options)
                if options.seconds > 0:
                    yield _run("freshness", broker, "uniform", system, repeat, [], options)


def _run(
    kind: str,
    broker: Kind,
    keys: str,
    system: type[Afflux] | type[Peer],
    repeat: int,
    log: Sequence[Event],
    options: argparse.Namespace,
) -> dict[str, Any]:
    with (
        tempfile.TemporaryDirectory(prefix="afflux-bench-") as name,
        Stack(Path(name), broker) as stack,
    ):
        under_test = system(stack)
        if kind == "throughput":
            result = asdict(throughput(under_test, stack, log, Path(name)))
        else:
            result = asdict(freshness(under_test, stack, options.rate, options.seconds, Path(name)))
    figures = ", ".join(f"{name} {value:,.1f}" for name, value in result.items())
    print(f"{kind} {broker} {keys} {system.name} #{repeat + 1}: {figures}", file=sys.stderr)
    return {
        "kind": kind, "broker": broker, "keys": keys, "system": system.name,
        "repeat": repeat, "result": result,
    }  # fmt: skip


def _can_run(broker: Kind) -> bool:
    if broker != "kafka":
        return True
    try:
        java()
        kafka_jars()
    except LauncherError as error:
        print(f"without a real Apache Kafka: {error}", file=sys.stderr)
        return False
    return True


if __name__ == "__main__":
    main()
