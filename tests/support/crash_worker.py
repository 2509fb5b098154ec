"""A worker that can be told where to die: the real planes, stores and producers in a process.

`python crash_worker.py` is a nursery: it has imported everything and forks a worker for every
job that it reads from standard input, so that a restart costs no imports. Lines in: `start` and
a job as JSON. Lines out: `started PID`, `ended PID STATUS`. At the end of its input it kills
what still runs.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import sys
import time
import traceback
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from afflux.position import Position
from core_cases import CATALOG, linear_scorer
from enrich_rig import SECRET, TIMELINES, FixedScorers
from profile_store.contract import Commit, CommitResult, RowReply, RowRequest, StoredSnapshot
from profile_store.options import RedisOptions
from profile_store.redis_store import RedisShardStore
from streams.bad_records import Limits
from streams.dead_letters import DeadLetters
from streams.decoding import Decoder
from streams.delivery import KafkaDelivery
from streams.enrich import EnrichPlane, EnrichSettings
from streams.logs import set_up_logging
from streams.metrics import Metrics
from streams.ports import TP, LogRange, Message, Rewind
from streams.records import RecordBatch
from streams.settings import StreamSettings
from streams.worker import run, run_worker

POINTS = {
    "after_commit": "everything of a commit is in Redis, nothing of it is announced",
    "between_shards": "half of the scripts of one commit ran",
    "half_announced": "half of an announcement is in Kafka",
    "before_acks": "an announcement is in Kafka, its acks are not known",
    "before_seek": "partitions are fenced and taken over, the reader is not there yet",
    "before_rewind": "a stranger won the race for a shard, the reader is not back yet",
    "in_wave": "an advance without records has closed a part of what is due",
}
"""Where a worker can die."""

AT_REST = "nothing is to be announced"
STRANGER = b"a stranger wrote"


@dataclass(frozen=True)
class Job:
    """What a worker is to do.

    settings: of the shell. point, occasion: die when this point is reached so many times, ""
    never. commit_rows: most rows of a shard in one commit.
    """

    settings: dict[str, Any]
    redis_url: str
    shards: int
    partitions: int
    log: str
    point: str = ""
    occasion: int = 1
    commit_rows: int = 500
    cluster: bool = False
    """Whether the URL names a node of a Redis Cluster."""

    def line(self) -> str:
        """As one line."""
        return json.dumps(asdict(self))


class Fate:
    """Counts how often the chosen point is reached, and dies there."""

    def __init__(self, point: str, occasion: int) -> None:
        if point and point not in POINTS:
            raise ValueError(f"{point!r} is none of {', '.join(POINTS)}")
        self._point, self._left = point, occasion
        self._folds = 0
        self.ticking = False

    def next_is_last(self, point: str) -> bool:
        """Whether the coming occasion of this point is the one."""
        return point == self._point and self._left == 1

    def loses_race(self, commits: Sequence[Commit]) -> bool:
        """Whether a stranger is to be faster: every second time, to have rewinds to die in."""
        if self._point != "before_rewind" or not any(c.fragments for c in commits):
            return False
        self._folds += 1
        return self._folds % 2 == 0

    def reached(self, point: str) -> None:
        """Die here if it is time."""
        if point != self._point:
            return
        self._left -= 1
        if self._left == 0:
            sys.stderr.flush()
            os.kill(os.getpid(), signal.SIGKILL)


class MortalStore:
    """A Redis store whose worker may die before, within or after a commit."""

    def __init__(self, store: RedisShardStore, fate: Fate) -> None:
        self._store, self._fate = store, fate

    async def commit(self, commits: Sequence[Commit]) -> list[CommitResult]:
        """As the store."""
        if len(commits) > 1 and self._fate.next_is_last("between_shards"):
            await self._store.commit(commits[: len(commits) // 2])
        if len(commits) > 1:
            self._fate.reached("between_shards")
        if self._fate.loses_race(commits):
            await self._lose_race(next(c for c in commits if c.fragments))
        results = await self._store.commit(commits)
        self._fate.reached("after_commit")
        if self._fate.ticking and any(c.fragments for c in commits):
            self._fate.reached("in_wave")
        return results

    async def _lose_race(self, commit: Commit) -> None:
        """Another owner takes the shard over, as a worker that we do not know of would."""
        (data,) = await self._store.positions([commit.shard])
        (box,) = await self._store.outboxes([commit.shard])
        taken = Position.decode(data).next(STRANGER)
        await self._store.commit([Commit(commit.shard, commit.expected, taken.encode(), box)])

    async def read(self, requests: Sequence[RowRequest]) -> list[RowReply]:
        """As the store."""
        return await self._store.read(requests)

    async def positions(self, shards: Sequence[int]) -> list[bytes]:
        """As the store."""
        return await self._store.positions(shards)

    async def outboxes(self, shards: Sequence[int]) -> list[bytes]:
        """As the store."""
        return await self._store.outboxes(shards)

    async def put_snapshot(
        self, model: str, version: str, data: bytes, about: bytes = b"", keep: bool = False
    ) -> None:
        """As the store."""
        await self._store.put_snapshot(model, version, data, about, keep)

    async def current_snapshots(self, models: Sequence[str]) -> list[str | None]:
        """As the store."""
        return await self._store.current_snapshots(models)

    async def snapshot(self, model: str, version: str, most: int = 0) -> bytes | None:
        """As the store."""
        return await self._store.snapshot(model, version, most)

    async def snapshots(self, model: str) -> list[StoredSnapshot]:
        """As the store."""
        return await self._store.snapshots(model)

    async def close(self) -> None:
        """As the store."""
        await self._store.close()


class MortalDelivery:
    """A producer whose worker may die in the middle of a send or before it hears of the acks."""

    def __init__(self, delivery: KafkaDelivery, fate: Fate) -> None:
        self._delivery, self._fate = delivery, fate

    async def send(self, messages: Sequence[Message]) -> dict[tuple[str, int], int]:
        """As the producer."""
        if len(messages) > 1 and self._fate.next_is_last("half_announced"):
            await self._delivery.send(messages[: len(messages) // 2])
        if len(messages) > 1:
            self._fate.reached("half_announced")
        ends = await self._delivery.send(messages)
        self._fate.reached("before_acks")
        return ends


class MortalPlane:
    """A plane whose worker may die before the shell seeks to where the plane says."""

    def __init__(self, plane: EnrichPlane, fate: Fate) -> None:
        self._plane, self._fate = plane, fate

    @property
    def topics(self) -> Sequence[str]:
        """As the plane."""
        return self._plane.topics

    async def assigned(self, logs: Mapping[TP, LogRange]) -> dict[TP, int]:
        """As the plane."""
        seeks = await self._plane.assigned(logs)
        self._fate.reached("before_seek")
        return seeks

    async def process(self, records: RecordBatch) -> None:
        """As the plane."""
        try:
            await self._plane.process(records)
        except Rewind:
            self._fate.reached("before_rewind")
            raise

    async def revoked(self, partitions: Sequence[int]) -> None:
        """As the plane."""
        await self._plane.revoked(partitions)

    async def tick(self) -> None:
        """As the plane."""
        self._fate.ticking = True
        try:
            await self._plane.tick()
        except Rewind:
            self._fate.reached("before_rewind")
            raise
        finally:
            self._fate.ticking = False

    async def close(self) -> None:
        """As the plane."""
        await self._plane.close()


async def work(job: Job) -> int:
    """Run the enrich plane until a signal; its exit code."""
    settings = StreamSettings(**job.settings)
    fate = Fate(job.point, job.occasion)
    where = RedisOptions(job.redis_url, cluster=job.cluster, timeout_s=2.0)
    store = RedisShardStore(where, job.shards)
    delivery = KafkaDelivery(settings)
    mortal = MortalDelivery(delivery, fate)
    metrics = Metrics()
    plane = EnrichPlane(
        EnrichSettings(
            partitions=job.partitions, shards=job.shards, secret=SECRET, idle_tick_s=0,
            commit_rows=job.commit_rows, bad_share=1.0, timelines=TIMELINES,
        ),
        CATALOG,
        MortalStore(store, fate),
        mortal,
        Decoder(Limits(partitions=job.partitions, shards=job.shards), SECRET),
        DeadLetters(mortal, metrics),
        FixedScorers(linear_scorer()),
        uuid.uuid4().bytes,
        time.monotonic,
        lambda: time.time_ns() // 1_000_000,
    )  # fmt: skip
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, _say_what_is_awaited)
    loop.add_signal_handler(signal.SIGUSR2, _say_whether_at_rest, plane)
    try:
        return await run_worker(settings, {"enrich": MortalPlane(plane, fate)}, metrics=metrics)
    finally:
        await delivery.close()
        await store.close()


def _say_what_is_awaited() -> None:
    for task in asyncio.all_tasks():
        frames: Any = task.get_stack(limit=8)
        places = [f"{f.f_code.co_filename}:{f.f_lineno}" for f in frames]
        print(f"{task.get_name()}: {task.get_coro()} at {places}", file=sys.stderr)
    sys.stderr.flush()


def _say_whether_at_rest(plane: EnrichPlane) -> None:
    """At rest: nothing is with the producer, and no late announcement is still to be corrected."""
    announcing = [p.announcing for p in plane._parts.values() if p.announcing is not None]
    busy = (
        any(p.lock.locked() for p in plane._parts.values())
        or not all(task.done() for task in announcing)
        or plane._late
        or plane._last_word._corrections
    )
    if not busy:
        print(AT_REST, file=sys.stderr, flush=True)


def nursery() -> None:
    """Fork workers until standard input ends."""
    children: set[int] = set()
    pending = b""
    while True:
        ready, _, _ = select.select([0], [], [], 0.02)
        if ready:
            data = os.read(0, 65536)
            if not data:
                break
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                pid = _fork(Job(**json.loads(line)))
                children.add(pid)
                _say(f"started {pid}")
        for pid in list(children):
            gone, status = os.waitpid(pid, os.WNOHANG)
            if gone:
                children.discard(pid)
                _say(f"ended {pid} {os.waitstatus_to_exitcode(status)}")
    for pid in children:
        os.kill(pid, signal.SIGKILL)


def _say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


def _fork(job: Job) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        null = os.open(os.devnull, os.O_RDONLY)
        log = os.open(Path(job.log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        for old, new in ((null, 0), (log, 1), (log, 2)):
            os.dup2(old, new)
        set_up_logging()
        code = run(work(job))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    nursery()
