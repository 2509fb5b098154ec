"""CPU and latency of `afflux api` for one profile a request, at a steady rate.

    python benchmarks/gateway_bench.py [--rate 500] [--seconds 10] [--tree OTHER] [--output FILE.md]

People have both scores and two attributes. "made": every answer is assembled (nothing is kept);
"at hand": what is stored is the same as the last time; "not modified": the client has the ETag;
"linked": people with two identities, assembled. Requests come at fixed times, whether or not the
ones before are answered, and latency counts from those times. CPU is user and system time of the
gateway's process, by the request. With --tree the gateway of another checkout is measured in turn
with ours, case by case.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from core_cases import CATALOG
from launcher.ports import free_ports
from launcher.processes import ChildProcess
from profile_store.installation import Installation, ensure_installation
from profile_store.redis_store import RedisShardStore
from store_people import PARTITIONS, SHARDS, describe, fold, link, purchase, view
from store_redis import RedisProcess

HERE = Path(__file__).resolve().parents[1]
PEOPLE, CONNECTIONS, WARM_UP_S = 300, 16, 2.0


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one case."""

    requests: int
    cpu_us: float
    median_ms: float
    p99_ms: float


class Connection:
    """Keep-alive HTTP/1.1, written and read by hand: the load must cost little."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def get(self, request: bytes) -> tuple[int, bytes]:
        """Status and head of the answer; the body is read and forgotten."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        lower = head.lower()
        at = lower.find(b"content-length:")
        if at >= 0:
            await self._reader.readexactly(int(lower[at + 15 : lower.index(b"\r\n", at)]))
        return int(head[9:12]), head


def main() -> None:
    """Run all cases and print a table."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rate", type=int, default=500)
    arguments.add_argument("--seconds", type=float, default=10.0)
    arguments.add_argument("--tree", type=Path, help="another checkout, measured in turn")
    arguments.add_argument("--output", type=Path)
    given = arguments.parse_args()
    trees = {"now": HERE, **({"before": given.tree} if given.tree else {})}
    lines = asyncio.run(measure(given.rate, given.seconds, trees))
    text = "\n".join(lines) + "\n"
    print(text)
    if given.output:
        given.output.write_text(text)


async def measure(rate: int, seconds: float, trees: Mapping[str, Path]) -> list[str]:
    """A line a case and checkout."""
    with RedisProcess() as server:
        await people(server.url)
        single = [f"crm/{n}" for n in range(PEOPLE)]
        linked = [f"email/{n}" for n in range(0, PEOPLE, 3)]
        cases = {
            "made": (0, single[1::3], False),
            "linked": (0, linked, False),
            "at hand": (4096, single[1::3], False),
            "not modified": (4096, single[1::3], True),
        }
        figures = {
            (name, tree): await case(where, server.url, cached, who, rate, seconds, tags)
            for name, (cached, who, tags) in cases.items()
            for tree, where in trees.items()
        }
    cores, load = os.cpu_count(), os.getloadavg()[0]
    return [
        f"{rate} requests/s for {seconds:g} s, {cores} cores shared with load and Redis, load "
        f"average {load:.1f} at the end, Python {platform.python_version()}.",
        "",
        "| profile | | CPU a request | median | 99 % | requests |",
        "|---|---|---|---|---|---|",
        *(
            f"| {name} | {tree} | {f.cpu_us:.0f} us | {f.median_ms:.1f} ms | {f.p99_ms:.1f} ms "
            f"| {f.requests} |"
            for (name, tree), f in figures.items()
        ),
    ]


async def people(url: str) -> None:
    """Each with events and attributes; every third has a second identity."""
    store = RedisShardStore(url, SHARDS)
    await ensure_installation(store, Installation.of(CATALOG, SHARDS, PARTITIONS))
    rows = [purchase(n + 1, n % 30, f"crm:{n}", 20 + n % 7) for n in range(PEOPLE)]
    rows += [view(PEOPLE + n + 1, 31, f"email:{n}") for n in range(0, PEOPLE, 3)]
    await fold(store, rows)
    for n in range(PEOPLE):
        await describe(store, f"crm:{n}", 1, {"tier": "gold", "household": n % 5})
        if n % 3 == 0:
            await link(store, (f"crm:{n}", f"email:{n}"), day=2)
    await store.close()


@contextmanager
def gateway(where: Path, url: str, cached: int) -> Iterator[tuple[int, psutil.Process]]:
    """A running `afflux api`: its port and process. No broker: profiles need none."""
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory() as folder:
        env = {
            **os.environ,
            "PYTHONPATH": str(where),
            "PYTHONSAFEPATH": "1",  # not the working directory first
            "AFFLUX_REDIS_URL": url,
            "AFFLUX_KAFKA_BOOTSTRAP": "127.0.0.1:9",
            "AFFLUX_DATA_DIR": folder,
            "AFFLUX_GATEWAY_CACHED_PROFILES": str(cached),
            "AFFLUX_GATEWAY_AUDIT_LOG": f"{folder}/audit.log",
            "AFFLUX_GATEWAY_REQUESTS_PER_S": "100000",
            "AFFLUX_GATEWAY_BURST": "100000",
        }
        argv = [sys.executable, "-m", "launcher.cli", "api", "--port", str(port)]
        child = ChildProcess(argv, Path(folder) / "api.log", env=env)
        try:
            yield port, psutil.Process(child.pid)
        finally:
            child.stop()


async def connected(port: int) -> Connection:
    """A connection, once the gateway listens."""
    for _ in range(300):
        try:
            return Connection(*await asyncio.open_connection("127.0.0.1", port))
        except OSError:
            await asyncio.sleep(0.1)
    raise SystemExit("the gateway does not listen")


async def case(
    where: Path, url: str, cached: int, who: Sequence[str], rate: int, seconds: float, tags: bool
) -> Figures:
    """One gateway under one load."""
    with gateway(where, url, cached) as (port, process):
        first = await connected(port)
        requests = [await request(first, person, tags) for person in who]
        free: asyncio.Queue[Connection] = asyncio.Queue()
        for _ in range(CONNECTIONS):
            free.put_nowait(await connected(port))
        await load(free, requests, rate, WARM_UP_S, 304 if tags else 200)
        before = process.cpu_times()
        latencies = await load(free, requests, rate, seconds, 304 if tags else 200)
        after = process.cpu_times()
    used = after.user + after.system - before.user - before.system
    took = np.array(latencies) * 1000
    return Figures(
        len(took), used / len(took) * 1e6, float(np.median(took)), float(np.percentile(took, 99))
    )


async def request(connection: Connection, person: str, tags: bool) -> bytes:
    """The bytes that ask for a person."""
    plain = f"GET /v1/profiles/{person} HTTP/1.1\r\nHost: gateway\r\n"
    if not tags:
        return f"{plain}\r\n".encode()
    _, head = await connection.get(f"{plain}\r\n".encode())
    (tag,) = (x[6:] for x in head.decode().split("\r\n") if x.lower().startswith("etag: "))
    return f"{plain}If-None-Match: {tag}\r\n\r\n".encode()


async def load(
    free: asyncio.Queue[Connection], requests: Sequence[bytes], rate: int, seconds: float, due: int
) -> list[float]:
    """Seconds of each answer, from the time that it was to be asked for."""
    latencies: list[float] = []
    choose = random.Random(1)

    async def one(at: float) -> None:
        connection = await free.get()
        status, _ = await connection.get(choose.choice(requests))
        free.put_nowait(connection)
        latencies.append(time.perf_counter() - at)
        assert status == due, status

    begin = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for n in range(round(rate * seconds)):
            at = begin + n / rate
            await asyncio.sleep(max(0.0, at - time.perf_counter()))
            group.create_task(one(at))
    return latencies


if __name__ == "__main__":
    main()
