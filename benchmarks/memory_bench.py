"""What a profile costs in Redis, by what it is made of: real MEMORY USAGE.

    python benchmarks/memory_bench.py [--people 300] [--output FILE.md]

People are folded by the real step with the default models: one identity, one event, attributes;
interests in none, 10, 40 and 128 things. The bytes of a key are those of Redis (`MEMORY USAGE key
SAMPLES 0`), its name and entry in the table included. Deadlines (an entry of a sorted set, some 100
bytes) and links are not among them.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import redis

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from afflux.attributes import Value
from afflux.catalog import Catalog
from afflux.mentions import Subject
from afflux.oracle.interests import Mention
from models import default_models
from profile_store.installation import Installation, ensure_installation
from profile_store.redis_store import RedisShardStore
from store_people import PARTITIONS, SHARDS, describe, fold, purchase
from store_redis import RedisProcess

KINDS = {
    b"f": "fragment: features, openings, last ids",
    b"v": "served row: scores, factors, vectors of open examples",
    b"a": "attributes (three of them)",
    b"i": "interests",
}
THINGS = (0, 10, 40, 128)


def main() -> None:
    """Fold, measure, print."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--people", type=int, default=300)
    arguments.add_argument("--output", type=Path)
    given = arguments.parse_args()
    text = "\n".join(asyncio.run(measured(given.people))) + "\n"
    print(text)
    if given.output:
        given.output.write_text(text)


async def measured(people: int) -> list[str]:
    """The page."""
    catalog = Catalog(default_models())
    with RedisProcess() as server:
        store = RedisShardStore(server.url, SHARDS)
        await ensure_installation(store, Installation.of(catalog, SHARDS, PARTITIONS))
        rows, mentions = [], {}
        for n in range(people):
            rows.append(purchase(n + 1, n % 30, f"crm:customer-{n:08d}", 20 + n % 7))
            mentions[n + 1] = things(THINGS[n % len(THINGS)])
        await fold(store, rows, catalog, mentions)
        for n in range(people):
            tier: dict[str, Value] = {"tier": "gold", "household": n % 5, "city": "Bonn"}
            await describe(store, f"crm:customer-{n:08d}", 1, tier)
        await store.close()
        with redis.Redis(port=server.port) as client:
            found = by_kind(client)
    return page(catalog, people, found)


def things(count: int) -> list[Mention]:
    """So many categories and products with ids and names of 27 bytes together."""
    return [
        Mention(
            Subject.CATEGORY if n % 2 else Subject.PRODUCT, n + 1, b"sku-%06d" % n,
            b"a thing, no. %03d" % n,
        )
        for n in range(count)
    ]  # fmt: skip


def by_kind(client: redis.Redis) -> Mapping[bytes, list[int]]:
    """Bytes of each key, by the first letter of its name."""
    found: dict[bytes, list[int]] = defaultdict(list)
    for key in client.scan_iter(count=1000):
        used = client.memory_usage(key, samples=0)
        assert used is not None
        if key[1:2] == b":":  # not those that begin with `afflux:`
            found[key[:1]].append(used)
    return found


def page(catalog: Catalog, people: int, found: Mapping[bytes, list[int]]) -> list[str]:
    """A row a kind of key, then what rows are made of."""
    lines = [
        "# What a profile costs in Redis",
        "",
        f"`python benchmarks/memory_bench.py`: {people} people with one identity, "
        f"{len(catalog.models)} models, {catalog.dimension} features. Bytes by `MEMORY USAGE`.",
        "",
        "| key | smallest | mean | largest |",
        "|---|--:|--:|--:|",
    ]
    for kind, words in KINDS.items():
        sizes = found.get(kind, [])
        if sizes:
            mean = sum(sizes) // len(sizes)
            lines.append(f"| `{kind.decode()}:` {words} | {min(sizes)} | {mean} | {max(sizes)} |")
    fixed = sum(sum(found.get(k, [])) / people for k in (b"f", b"v"))
    fragment, served = catalog.fragment, catalog.served
    assert served.fields is not None
    opened = sum(
        served.fields[name][0].itemsize for name in ("slot_vector", "slot_value", "slot_version")
    )
    lines += [
        "",
        f"Fragment and served row together: {fixed:,.0f} bytes a person, however many "
        "examples are open, for both rows are of a fixed size.",
        "",
        f"Of the {served.itemsize} bytes of a served row {opened} keep what was served with each "
        f"of {catalog.openings.slots} openings; {served.itemsize - opened} are scores, factors and "
        f"intervals. A fragment has {fragment.itemsize} bytes.",
    ]
    return lines


if __name__ == "__main__":
    main()
