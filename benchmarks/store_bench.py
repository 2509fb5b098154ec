"""CPU of reading and committing 500 rows of 700 bytes in 4, 16 and 64 shards, per event.

    python benchmarks/store_bench.py [--rounds 200] [--uvloop] [--output FILE.md]

Beside ours: the same commands through redis.asyncio's pipeline (with hiredis), and one command a
row (GET and SET in a pipeline), which is what an application without shards would send.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import random
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import redis
import redis.asyncio

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from afflux.names import EVENTS, Identity
from profile_store.contract import Commit, RowRequest
from profile_store.keys import Keys
from profile_store.redis_store import RedisShardStore
from profile_store.scripts import COMMIT
from store_redis import RedisProcess

ROWS, SIZE, PEOPLE, WARM_UP = 500, 700, 20_000, 10

Round = Callable[[list[list[Identity]]], Awaitable[None]]
"""Reads and writes these identities, one list a shard."""


def main() -> None:
    """Run all and print a table."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=200)
    arguments.add_argument("--uvloop", action="store_true")
    arguments.add_argument("--output", type=Path)
    given = arguments.parse_args()
    if given.uvloop:
        import uvloop

        lines = uvloop.run(measure(given.rounds))
    else:
        lines = asyncio.run(measure(given.rounds))
    version = f"redis-py {redis.__version__}, Python {platform.python_version()}"
    loop = "uvloop" if given.uvloop else "asyncio"
    text = "\n".join([f"{ROWS} rows of {SIZE} bytes a round, {loop}, {version}.", "", *lines, ""])
    print(text)
    if given.output:
        given.output.write_text(text)


async def measure(rounds: int) -> list[str]:
    """Rows of a Markdown table."""
    lines = ["| shards | how | client µs | server µs | wall µs |", "|--:|---|--:|--:|--:|"]
    with RedisProcess() as server:
        for shards in (4, 16, 64):
            for name, how in (
                ("Afflux", ours),
                ("redis.asyncio pipeline, same commands", redis_py),
                ("redis.asyncio pipeline, GET and SET a row", one_by_one),
            ):
                with redis.Redis(port=server.port) as client:
                    client.flushall()
                numbers = await timed(server, shards, rounds, how)
                lines.append(f"| {shards} | {name} | " + " | ".join(numbers) + " |")
    return lines


async def timed(
    server: RedisProcess,
    shards: int,
    rounds: int,
    how: Callable[[str, int], Awaitable[tuple[Round, Callable[[], Awaitable[None]]]]],
) -> Sequence[str]:
    """Client CPU, server CPU and wall time of an event, µs."""
    one_round, close = await how(server.url, shards)
    chance = random.Random(1)
    people = [
        [Identity(b"household:%d" % (n * shards + s)) for n in range(PEOPLE // shards)]
        for s in range(shards)
    ]
    each = ROWS // shards
    plan = [[chance.sample(ids, each) for ids in people] for _ in range(rounds + WARM_UP)]
    for n, touched in enumerate(plan):
        if n == WARM_UP:
            cpu, wall, served = time.process_time(), time.perf_counter(), server.cpu_seconds()
        await one_round(touched)
    events = rounds * (ROWS // shards) * shards
    spent = (
        time.process_time() - cpu,
        server.cpu_seconds() - served,
        time.perf_counter() - wall,
    )
    await close()
    return [f"{seconds / events * 1e6:.1f}" for seconds in spent]


async def ours(url: str, shards: int) -> tuple[Round, Callable[[], Awaitable[None]]]:
    """The store."""
    store = RedisShardStore(url, shards)
    positions = [b""] * shards

    async def one_round(ids: list[list[Identity]]) -> None:
        await store.read([RowRequest(s, [(i, EVENTS) for i in mine]) for s, mine in enumerate(ids)])
        commits = []
        for s, mine in enumerate(ids):
            expected, positions[s] = positions[s][:24], next_position()
            rows = [(i, EVENTS, ROW) for i in mine]
            commits.append(Commit(s, expected, positions[s], b"", rows))
        assert all(result.landed for result in await store.commit(commits))

    return one_round, store.close


async def redis_py(url: str, shards: int) -> tuple[Round, Callable[[], Awaitable[None]]]:
    """The same commands, sent by redis-py."""
    client = redis.asyncio.Redis.from_url(url)
    keys, positions = Keys(shards), [b""] * shards
    sha = await client.script_load(COMMIT.text)

    async def one_round(ids: list[list[Identity]]) -> None:
        named = [keys.fragments(s, [(i, EVENTS) for i in mine]) for s, mine in enumerate(ids)]
        pipe = client.pipeline(transaction=False)
        for s, names in enumerate(named):
            pipe.mget([keys.position(s), *names])
        await pipe.execute()
        for s, names in enumerate(named):
            head = [keys.position(s), keys.outbox(s), keys.deadlines(s), *names]
            expected, positions[s] = positions[s][:24], next_position()
            sizes = [b"%d" % len(names), b"0", b"0", b"0"]
            rest = [expected, positions[s], b"", *sizes, *([ROW] * len(names))]
            pipe.evalsha(sha, len(head), *head, *rest)
        assert all(reply == 1 for reply in await pipe.execute())

    return one_round, client.aclose


async def one_by_one(url: str, shards: int) -> tuple[Round, Callable[[], Awaitable[None]]]:
    """A GET and a SET for each row, no compare, pipelined by redis-py."""
    client = redis.asyncio.Redis.from_url(url)
    keys = Keys(shards)

    async def one_round(ids: list[list[Identity]]) -> None:
        named = [keys.fragments(s, [(i, EVENTS) for i in mine]) for s, mine in enumerate(ids)]
        pipe = client.pipeline(transaction=False)
        for names in named:
            for name in names:
                pipe.get(name)
        await pipe.execute()
        for names in named:
            for name in names:
                pipe.set(name, ROW)
        await pipe.execute()

    return one_round, client.aclose


def next_position() -> bytes:
    """A position with a fence that was never there before."""
    return os.urandom(24) + bytes(420)


ROW = os.urandom(SIZE)

if __name__ == "__main__":
    main()
