"""CPU of the gateway's application for one profile, in one process, without HTTP's sockets.

    python benchmarks/gateway_app_bench.py [--requests 2000] [--tree OTHER] [--output FILE.md]

What `benchmarks/gateway_bench.py` measures of a whole server holds on an idle machine only; this
holds on a busy one, for it counts the CPU of one process, and takes checkouts in turn (--tree),
the best of several rounds. Redis is a real one; keys, audit log and all middleware take part.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import logging
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parents[1]
sys.path.insert(0, os.environ.get("AFFLUX_BENCH_TREE", str(HERE)))
sys.path.insert(1, str(Path(sys.path[0]) / "tests" / "support"))
sys.path.insert(2, str(HERE))

PEOPLE, ROUNDS = 100, 3
CASES = ("made", "linked", "at hand", "not modified")


def main() -> None:
    """Run all cases and print a table."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--requests", type=int, default=2_000)
    arguments.add_argument("--tree", type=Path, help="another checkout, measured in turn")
    arguments.add_argument("--output", type=Path)
    arguments.add_argument("--child", help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.child:
        import uvloop

        print(json.dumps(uvloop.run(measure(given.child, given.requests))))
        return
    from benchmarks import read_bench
    from store_redis import RedisProcess

    read_bench.PEOPLE = PEOPLE
    trees = {"now": HERE, **({"before": given.tree} if given.tree else {})}
    found: dict[str, list[dict[str, float]]] = {name: [] for name in trees}
    with RedisProcess() as server:
        asyncio.run(read_bench.people(server.url))
        for _ in range(ROUNDS):
            for name, where in trees.items():
                found[name].append(in_turn(where, server.url, given.requests))
    text = "\n".join(page(found)) + "\n"
    print(text)
    if given.output:
        given.output.write_text(text)


def in_turn(where: Path, url: str, requests: int) -> dict[str, float]:
    """The figures of one checkout."""
    argv = [sys.executable, __file__, "--child", url, "--requests", str(requests)]
    env = {**os.environ, "AFFLUX_BENCH_TREE": str(where)}
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=True)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def page(found: dict[str, list[dict[str, float]]]) -> list[str]:
    """The best round of each case and checkout."""
    names = list(found)
    lines = [
        f"CPU of one request, µs, the best of {ROUNDS} rounds; {os.cpu_count()} cores, load "
        f"average {os.getloadavg()[0]:.1f} at the end, Python {platform.python_version()}.",
        "",
        f"| profile | {' | '.join(names)} |",
        f"|---|{'--:|' * len(names)}",
    ]
    for case in CASES:
        best = [min(one[case] for one in found[name]) for name in names]
        lines.append(f"| {case} | {' | '.join(f'{us:.0f}' for us in best)} |")
    return lines


async def measure(url: str, requests: int) -> dict[str, float]:
    """µs of CPU of each case."""
    figures = {}
    for case in CASES:
        app, reader = application(url, 0 if case in ("made", "linked") else 4_096)
        who = "crm" if case == "linked" else "alone"
        tags: dict[str, bytes] = {}
        for n in range(PEOPLE):
            path = f"/v1/profiles/{who}/{n}"
            head, _ = await ask(app, path)
            assert head["status"] == 200, head
            tags[path] = dict(head["headers"])[b"etag"]
        gc.collect()
        gc.freeze()
        began = time.process_time()
        for n in range(requests):
            path = f"/v1/profiles/{who}/{n % PEOPLE}"
            headers = [(b"if-none-match", tags[path])] if case == "not modified" else []
            await ask(app, path, headers)
        figures[case] = (time.process_time() - began) / requests * 1e6
        await reader.close()
    return figures


def application(url: str, cached: int) -> tuple[Any, Any]:
    """The application without brokers, and its reader of Redis."""
    from gateway.app import create_app
    from gateway.composition import build_context
    from gateway.containment import Contained
    from gateway.key_file import KeyFile
    from gateway.score_hub import ScoreHub
    from gateway.settings import GatewaySettings
    from gateway_rig import SECRET, MemoryDelivery, MemoryScoreLog
    from models import default_models
    from profile_store import AsyncProfileStore
    from streams.privacy.desk import PrivacyDesk

    folder = Path(tempfile.mkdtemp())
    audit = logging.getLogger("afflux.audit")
    audit.handlers = [logging.FileHandler(folder / "audit.log")]
    audit.setLevel(logging.INFO)
    audit.propagate = False
    settings = GatewaySettings(cached_profiles=cached, requests_per_s=1e9, burst=10**9)
    hub, reader, delivery = ScoreHub(10, 10), AsyncProfileStore(url), MemoryDelivery()
    desk = PrivacyDesk(reader, lambda: delivery, dict, SECRET)  # type: ignore[arg-type]
    context = build_context(
        settings, KeyFile(folder / "keys.json"), reader, default_models(), lambda: delivery, hub,
        MemoryScoreLog(hub), desk, open_without_keys=True,
    )  # fmt: skip
    return Contained(create_app(context)), reader


async def ask(
    app: Any, path: str, headers: list[tuple[bytes, bytes]] | None = None
) -> tuple[dict[str, Any], bytes]:
    """Head and body of an answer."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET",
        "scheme": "http", "path": path, "raw_path": path.encode(), "query_string": b"",
        "root_path": "", "headers": headers or [], "client": ("127.0.0.1", 1),
        "server": ("gateway", 80), "state": {},
    }  # fmt: skip
    await app(scope, receive, send)
    return sent[0], b"".join(one.get("body", b"") for one in sent[1:])


if __name__ == "__main__":
    main()
