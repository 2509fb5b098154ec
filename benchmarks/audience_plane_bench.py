"""CPU of audiences in the enrich plane, per event: everything from records to commits in Redis.

    python benchmarks/audience_plane_bench.py [--rounds 40] [--write]

The same records, at batches of 500, through planes that differ only in the saved audiences: none,
the ten rules of `audience_bench.py`, and these with attributes of everybody. The planes take turns
batch by batch, so that what else the machine does hits all of them alike. Everybody was seen and
asked before; scores of the untrained models do not move, so entries and exits are those of windows.
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
from afflux.limits import Timelines
from benchmarks.audience_bench import RULES
from enrich_rig import Logged, Logs, Worker
from models import default_models
from profile_store.audience_definitions import Definitions
from profile_store.audience_store import AudienceStore
from profile_store.redis_store import RedisShardStore
from store_redis import RedisProcess
from streams.encoding import encode_attributes, encode_events

RESULTS = Path(__file__).parent / "results" / "audiences_plane.md"
CATALOG = Catalog(default_models())
TYPES = {"tier": "string", "city": "string", "age": "int"}
PEOPLE, BATCH, SHARDS, START = 5_000, 500, 16, 1_700_000_000_000
KINDS = ("web.webpagedetails.pageViews", "commerce.productListAdds", "commerce.purchases")


class Plane:
    """One plane over a Redis of its own."""

    def __init__(self, name: str, server: RedisProcess, rules: bool, attributes: bool) -> None:
        self.name = name
        self._server = server
        self._client = redis.Redis(port=server.port)
        self._attributes = attributes
        self._rules = RULES if rules else {}
        self.store = RedisShardStore(server.url, SHARDS)
        self.logs = Logs(1)
        self.client_us: list[float] = []
        self.server_us: list[float] = []
        self.changes: list[int] = []

    async def start(self, events: Sequence[bytes]) -> None:
        """Everybody is seen, and asked; the first batches are not measured."""
        shelf = AudienceStore(self.store.link, self.store.keys)
        definitions = Definitions()
        for name, rule in self._rules.items():
            definitions = definitions.with_rule(name, rule, TYPES, 1)
        if self._rules:
            await shelf.swap_definitions(b"", definitions.encode())
        self.worker = Worker(
            self.store, self.logs, SHARDS, "bench", CATALOG, audiences=shelf,
            timelines=Timelines(),
        )  # fmt: skip
        for n, value in enumerate(events):
            who = _who(n)
            self.logs.append("experience-events", Logged(who, value, _time(n)))
        if self._attributes:
            records = [_attributes(n) for n in range(PEOPLE)]
            for n, value in enumerate(encode_attributes(records)):
                self.logs.append("profile-attributes", Logged(_who(n), value, START))
        await self.worker.own([0])
        while await self.worker.step(("profile-attributes", 0), BATCH):
            pass
        for _ in range(PEOPLE // BATCH):
            await self.worker.step(("experience-events", 0), BATCH)
        for _ in range(3):
            await self.worker.tick()

    async def batch(self) -> None:
        """Fold one batch, measured."""
        server, began = self._server_cpu(), time.process_time()
        await self.worker.step(("experience-events", 0), BATCH)
        await asyncio.sleep(0)
        self.client_us.append((time.process_time() - began) / BATCH * 1e6)
        self.server_us.append((self._server_cpu() - server) / BATCH * 1e6)
        self.changes.append(len(self.logs.outputs["audience-updates"]))
        self.logs.outputs.clear()

    def _server_cpu(self) -> float:
        found = self._client.info("cpu")
        return float(found["used_cpu_user"]) + float(found["used_cpu_sys"])

    async def close(self) -> None:
        """Drop connections."""
        await self.worker.plane.close()
        await self.store.close()
        self._client.close()


def _who(n: int) -> bytes:
    return b"crm:%d" % (n * 7919 % PEOPLE)


def _time(n: int) -> int:
    """Everybody has an event about every two days, so that windows of a week matter."""
    return START + n * 2 * 86_400_000 // PEOPLE


def _event(n: int) -> dict[str, object]:
    kind = KINDS[(n * 31 + n // PEOPLE) % 7 % 3]
    event: dict[str, object] = {
        "_id": f"e{n}", "timestamp": _time(n), "eventType": kind,
        "identityMap": {"crm": [{"id": _who(n)[4:].decode(), "primary": True}]},
    }  # fmt: skip
    if kind == "commerce.purchases":
        event["commerce"] = {"order": {"purchaseID": f"o{n}", "priceTotal": 20.0 + n % 90}}
    return event


def _attributes(n: int) -> dict[str, object]:
    return {
        "timestamp": START, "identityMap": {"crm": [{"id": _who(n)[4:].decode()}]},
        "attributes": {
            "tier": ("none", "gold", "platinum")[n % 3], "age": 18 + n % 70,
            "city": ("Köln", "Kiel", "Bonn", "Ulm")[n % 4],
        },
    }  # fmt: skip


async def measure(rounds: int) -> list[str]:
    """Rows of a Markdown table."""
    events = encode_events([_event(n) for n in range(PEOPLE + BATCH * (rounds + 5))])
    with ExitStack() as servers:
        planes = [
            Plane(name, servers.enter_context(RedisProcess()), rules, attributes)
            for name, rules, attributes in (
                ("no audiences", False, False),
                ("ten rules", True, False),
                ("no audiences, attributes", False, True),
                ("ten rules, attributes", True, True),
            )
        ]
        async with AsyncExitStack() as closing:
            for plane in planes:
                await plane.start(events)
                closing.push_async_callback(plane.close)
            for number in range(rounds + 5):
                order = planes if number % 2 else planes[::-1]
                for plane in order:
                    await plane.batch()
    lines = [
        "| plane | client µs | server µs | more, client, no entry or exit | and of each | server |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for number, plane in enumerate(planes):
        base = planes[number // 2 * 2]
        client, server, changes = plane.client_us[5:], plane.server_us[5:], plane.changes[5:]
        more = [a - b for a, b in zip(client, base.client_us[5:], strict=True)]
        quiet = [one for one, n in zip(more, changes, strict=True) if not n]
        still = statistics.median(quiet) if quiet else 0.0
        each = (sum(more) - still * len(more)) * BATCH / sum(changes) if sum(changes) else 0.0
        beyond = statistics.mean(server) - statistics.mean(base.server_us[5:])
        lines.append(
            f"| {plane.name} | {statistics.median(client):.1f} | {statistics.mean(server):.1f} "
            f"| {still:.1f} | {each:.0f} | {beyond:.1f} |"
        )
    last = planes[-1]
    announced = sum(last.changes[5:]) / BATCH / rounds
    return [*lines, "", f"{100 * announced:.0f} % of the events came with an entry or an exit."]


def main() -> None:
    """Print the table; with --write also into results/audiences_plane.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    text = "\n".join(asyncio.run(measure(given.rounds)))
    print(text)
    if given.write:
        head = (
            "# Audiences in the enrich plane\n\nBy `python benchmarks/audience_plane_bench.py "
            f"--write`: CPU an event at batches of {BATCH}, {PEOPLE:,} people, {SHARDS} shards, "
            f"median of {given.rounds} batches\n(server: mean) on a machine that others use too; "
            f"Python {platform.python_version()}. Records are decoded, folded, scored with "
            f"{len(CATALOG.models)} models, asked, committed to Redis.\n\n"
        )
        RESULTS.write_text(f"{head}{text}\n")


if __name__ == "__main__":
    main()
