"""What timelines cost in the enrich plane: CPU of worker and Redis an event, and Redis bytes.

    python benchmarks/timeline_bench.py [--rounds 40] [--batch 500] [--write]

The same records through planes that differ only in the timelines that they keep: none, the last
100 events of everybody, and these for at most 90 days. The planes take turns batch by batch, so
that what else the machine does hits all of them alike. People have as many events before as they
keep.
"""

from __future__ import annotations

import argparse
import asyncio
import platform
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

import redis

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from afflux.catalog import Catalog
from afflux.limits import DAY_MS, Timelines
from enrich_rig import Logged, Logs, Worker
from models import default_models
from profile_store.redis_store import RedisShardStore
from store_redis import RedisProcess
from streams.encoding import encode_events

RESULTS = Path(__file__).parent / "results" / "timelines.md"
CATALOG = Catalog(default_models())
PEOPLE, SHARDS, START, WARM_UP = 1_000, 16, 1_700_000_000_000, 5
KINDS = ("web.webpagedetails.pageViews", "commerce.productListAdds", "commerce.purchases")
KEPT = {
    "no timelines": Timelines(),
    "100 events": Timelines(100),
    "100 events, 90 days": Timelines(100, 90 * DAY_MS),
}


class Plane:
    """One plane over a Redis of its own."""

    def __init__(self, name: str, server: RedisProcess, kept: Timelines, batch: int) -> None:
        self.name, self._batch = name, batch
        self._server = server
        self.client = redis.Redis(port=server.port)
        self.store = RedisShardStore(server.url, SHARDS)
        self.logs = Logs(1)
        self.worker = Worker(self.store, self.logs, SHARDS, "bench", CATALOG, timelines=kept)
        self.client_us: list[float] = []
        self.server_us: list[float] = []

    async def start(self, events: Sequence[bytes], known: int) -> None:
        """The first `known` events are folded, not measured."""
        for n, value in enumerate(events):
            self.logs.append("experience-events", Logged(_who(n), value, _time(n)))
        await self.worker.own([0])
        for _ in range(-(-known // 1000)):
            await self.worker.step(("experience-events", 0), 1000)
            self.logs.outputs.clear()

    async def batch(self) -> None:
        """Fold one batch, measured."""
        server, began = self._server_cpu(), time.process_time()
        await self.worker.step(("experience-events", 0), self._batch)
        await asyncio.sleep(0)
        self.client_us.append((time.process_time() - began) / self._batch * 1e6)
        self.server_us.append((self._server_cpu() - server) / self._batch * 1e6)
        self.logs.outputs.clear()

    def bytes_of_timelines(self) -> tuple[float, float]:
        """Of a person, and of an event."""
        keys = self.client.keys("t:*")
        if not keys:
            return 0.0, 0.0
        size = sum(self.client.memory_usage(key) or 0 for key in keys)
        return size / len(keys), size / sum(self.client.llen(key) for key in keys)

    def _server_cpu(self) -> float:
        found = self.client.info("cpu")
        return float(found["used_cpu_user"]) + float(found["used_cpu_sys"])

    async def close(self) -> None:
        """Drop connections."""
        await self.worker.plane.close()
        await self.store.close()
        self.client.close()


def _who(n: int) -> bytes:
    return b"crm:%d" % (n * 7919 % PEOPLE)


def _time(n: int) -> int:
    """Everybody has an event about every half a day: a hundred of them are younger than 90 days."""
    return START + n * DAY_MS // 2 // PEOPLE


def _event(n: int) -> dict[str, object]:
    kind = KINDS[(n * 31 + n // PEOPLE) % 7 % 3]
    event: dict[str, object] = {
        "_id": f"{n * 2654435761 % 2**64:016x}", "timestamp": _time(n), "eventType": kind,
        "identityMap": {"crm": [{"id": _who(n)[4:].decode(), "primary": True}]},
    }  # fmt: skip
    if kind == "commerce.purchases":
        event["commerce"] = {"order": {"purchaseID": f"o{n}", "priceTotal": 20.0 + n % 90}}
        event["productListItems"] = [
            {"SKU": f"{n * 31 % 5000 + k:07d}", "quantity": 1, "priceTotal": 5.0} for k in range(3)
        ]
    elif kind == KINDS[1]:
        event["productListItems"] = [{"SKU": f"{n * 31 % 5000:07d}", "quantity": 1}]
    else:
        event["web"] = {"webPageDetails": {"name": f"category-{n % 40}"}}
    return event


async def measure(rounds: int, batch: int) -> list[str]:
    """Rows of a Markdown table."""
    known = 105 * PEOPLE
    events = encode_events([_event(n) for n in range(known + batch * (rounds + WARM_UP))])
    with ExitStack() as servers:
        planes = [
            Plane(name, servers.enter_context(RedisProcess()), kept, batch)
            for name, kept in KEPT.items()
        ]
        async with AsyncExitStack() as closing:
            for plane in planes:
                await plane.start(events, known)
                closing.push_async_callback(plane.close)
            for number in range(rounds + WARM_UP):
                for plane in planes if number % 2 else planes[::-1]:
                    await plane.batch()
            sizes = {plane.name: plane.bytes_of_timelines() for plane in planes}
    lines = [
        "| plane | worker µs | Redis µs | more, worker | more, Redis | bytes a person | an event |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    base = planes[0]
    for plane in planes:
        pairs = zip(plane.client_us[WARM_UP:], base.client_us[WARM_UP:], strict=True)
        more = statistics.median(a - b for a, b in pairs)
        server, of_base = plane.server_us[WARM_UP:], base.server_us[WARM_UP:]
        person, event = sizes[plane.name]
        lines.append(
            f"| {plane.name} | {statistics.median(plane.client_us[WARM_UP:]):.1f} "
            f"| {statistics.mean(server):.1f} | {more:.1f} "
            f"| {statistics.mean(server) - statistics.mean(of_base):.1f} "
            f"| {person:,.0f} | {event:.0f} |"
        )
    return lines


def main() -> None:
    """Print the table; with --write also into results/timelines.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    text = "\n".join(asyncio.run(measure(given.rounds, given.batch)))
    print(text)
    if given.write:
        head = (
            "# Timelines in the enrich plane\n\nBy `python benchmarks/timeline_bench.py --write`: "
            f"CPU an event at batches of {given.batch}, {PEOPLE:,} people, {SHARDS} shards, median "
            f"of {given.rounds} batches\n(Redis: mean) on a machine that others use too; Python "
            f"{platform.python_version()}. Records are decoded, folded, scored with "
            f"{len(CATALOG.models)} models, committed to Redis.\nIds of 16 characters; a purchase "
            "names three products, a view its page.\n\n"
        )
        RESULTS.write_text(f"{head}{text}\n")


if __name__ == "__main__":
    main()
