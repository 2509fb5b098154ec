"""Where workers crash: a broker with empty topics, and a Redis of its own."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from operator import gt
from pathlib import Path
from random import Random
from time import monotonic, sleep
from types import TracebackType
from typing import Any

import redis
from confluent_kafka.admin import AdminClient

from afflux.names import Identity
from afflux.position import Position
from core_cases import CATALOG
from crash_logs import Sent, end_of_season, season
from crash_nursery import Life, Nursery, until
from crash_worker import Job
from launcher.embedded import EmbeddedBroker
from launcher.ports import free_ports
from launcher.redis_server import RedisServer
from profile_store.installation import Installation
from profile_store.keys import INSTALLATION, Keys
from profile_store.memory import Value
from profile_store.options import RedisOptions
from runtime_broker import Broker
from streams.admin import Admin
from streams.bulk import BulkProducer
from streams.ports import TP
from streams.settings import StreamSettings
from streams.topics import INPUT_TOPICS, TOPICS

PARTITIONS, SHARDS = 4, 16
_INPUTS = [t.name for t in INPUT_TOPICS]


class Site:
    """A context manager. The names of the topics are fixed: a real broker gets them anew."""

    def __init__(self, broker: Broker, nursery: Nursery, folder: Path, seed: int = 0) -> None:
        self.kind, self._bootstrap, self._nursery = broker.kind, broker.bootstrap, nursery
        self.folder = folder
        self.rng = Random(seed)
        self.seed = seed
        self.keys = Keys(SHARDS)
        self.redis = RedisServer(folder / "redis", persist="snapshot", port=free_ports(1)[0])
        self.lives: list[Life] = []
        self.killed_on_the_way = 0
        self._season = 0

    def __enter__(self) -> Site:
        self._stack = ExitStack()
        if self.kind == "embedded":  # it cannot delete topics, and starts at once
            self._bootstrap = self._stack.enter_context(EmbeddedBroker()).bootstrap
        self.settings = StreamSettings(
            brokers=self._bootstrap, group=Broker.unique("crash"), max_records=25,
            session_timeout_ms=2_000 if self.kind == "embedded" else 6_000,  # joins wait for half
            heartbeat_interval_ms=500, backoff_ms=50,
            max_backoff_ms=500, commit_interval_ms=500,
        )  # fmt: skip
        self.admin = Admin(self.settings)
        make_topics(self._bootstrap, self.admin)
        self.producer = BulkProducer(self.settings)
        self.start_redis()
        self.connect()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for life in self.lives:
            if life.alive:
                life.kill()
        self.client.close()
        self._stack.close()

    @property
    def where(self) -> RedisOptions:
        """How to reach Redis."""
        return RedisOptions(self.redis.url)

    def start_redis(self) -> None:
        """Until the end of the site."""
        self.redis.start()
        self._stack.callback(self.redis.stop)

    def connect(self) -> None:
        """Our own connection to Redis, and the record that says what is stored there."""
        self.client = redis.Redis.from_url(self.redis.url)
        self.client.setnx(INSTALLATION, Installation.of(CATALOG, SHARDS, PARTITIONS).encode())

    # Records

    def produce(self, records: Iterable[Sent]) -> None:
        """Returns when all are acknowledged."""
        for s in records:
            r = s.record
            self.producer.produce(s.topic, r.key, r.value, r.headers, partition=s.partition)
        assert self.producer.flush(30) == 0

    def produce_season(self, records: int = 400, people: int = 60) -> None:
        """The next season of the generated log, silence at its end included."""
        self.produce_events(records, people)
        self.produce_silence()

    def produce_events(self, records: int = 400, people: int = 60) -> None:
        """The next season without its end."""
        self.produce(season(self._season, records, people, PARTITIONS, self.seed))

    def produce_silence(self) -> None:
        """The end of the season."""
        self.produce(end_of_season(self._season, PARTITIONS))
        self._season += 1

    # Workers

    def start(
        self, name: str = "w", *, point: str = "", occasion: int = 1, commit_rows: int = 500,
        **settings: Any,
    ) -> Life:  # fmt: skip
        """A new worker. Workers of one name are lives of one static member of the group."""
        member: dict[str, Any] = {"instance_id": name}
        if self.kind == "embedded":  # it waits for dead members of a group
            member = {"group": Broker.unique("crash")}
        changed = self.settings.model_copy(update=member | settings)
        job = Job(
            changed.model_dump(mode="json"), self.where.url, SHARDS, PARTITIONS,
            str(self.folder / f"{name}.log"), point, occasion, commit_rows, self.where.cluster,
        )  # fmt: skip
        self.lives.append(self._nursery.start(job))
        return self.lives[-1]

    # Progress

    def positions(self) -> list[Position | None]:
        """Of all shards."""
        found: Any = self.client.mget([self.keys.position(s) for s in range(SHARDS)])
        return [None if data is None else Position.decode(data) for data in found]

    def heads(self) -> dict[TP, int]:
        """The furthest position of the shards of every topic partition."""
        heads = {(topic, p): 0 for topic in _INPUTS for p in range(PARTITIONS)}
        for shard, position in enumerate(self.positions()):
            if position is not None:
                for topic, at in zip(_INPUTS, position.topics, strict=True):
                    tp = (topic, shard % PARTITIONS)
                    heads[tp] = max(heads[tp], at.offset)
        return heads

    def progress(self) -> int:
        """Records behind the heads."""
        return sum(self.heads().values())

    def ends(self) -> dict[TP, int]:
        """Where the logs end now."""
        return {tp: log.end for tp, log in self.admin.log_ranges(_INPUTS).items()}

    def at_end(self, ends: dict[TP, int]) -> bool:
        """Whether every shard has folded its logs up to there."""
        return all(
            position is not None
            and all(
                at.offset == ends[(topic, shard % PARTITIONS)]
                for topic, at in zip(_INPUTS, position.topics, strict=True)
            )
            for shard, position in enumerate(self.positions())
        )

    def wait_progress(self, life: Life, target: int) -> None:
        """Until so many records are folded, or all that there are."""
        target = min(target, sum(self.ends().values()))
        until(
            lambda: not life.alive or self.progress() >= target,
            lambda: f"{self.progress()} of {target} records; {life.log[-3000:]}",
        )

    def settle(self, life: Life, seconds: float = 40) -> None:
        """Until everything is folded, also what folding adds to the logs."""
        limit = monotonic() + seconds
        while not self.at_end(ends := self.ends()):
            assert life.alive, f"ended with {life.code}: {life.log[-3000:]}"
            if monotonic() > limit:
                said = "\n".join(other.what_it_awaits() for other in self.lives if other.alive)
                raise AssertionError(f"{self.heads()} of {ends}:\n{said}")
            sleep(0.02)

    def wait_end_or_idle(self, life: Life, seconds: float = 40) -> None:
        """Until the worker has died, or has nothing left to do."""
        limit = monotonic() + seconds
        while life.alive and not self.at_end(self.ends()):
            assert monotonic() < limit, f"{self.heads()}: {life.log[-3000:]}"
            sleep(0.02)

    def feed_until_death(self, life: Life, records: int, seasons: int = 10) -> None:
        """Seasons until the worker has come to where it dies.

        How many it takes depends on the batches: a busy machine makes few large ones.
        """
        for _ in range(seasons):
            self.wait_end_or_idle(life)
            if not life.alive:
                return
            self.produce_season(records)

    def owners(self) -> int:
        """How many workers wrote the shards last."""
        return len({p.nonce for p in self.positions() if p is not None})

    def finish(self, **job: Any) -> None:
        """Fold and announce the rest undisturbed, and end the worker cleanly."""
        while True:
            # In a group of its own: the old one waits until its dead members have expired.
            life = self.start("last", group=Broker.unique("crash"), **job)
            self.wait_taken_over(life)
            self.settle(life)
            life.stop()
            if self.at_end(self.ends()):
                return

    def wait_taken_over(self, life: Life) -> None:
        """Until a worker owns all partitions that did not before this call."""
        before = self.versions()
        until(
            lambda: all(map(gt, self.versions(), before)),
            lambda: f"nothing is taken over: {life.log[-3000:]}",
        )

    def versions(self) -> list[int]:
        """Of the positions of all shards: every take-over and every commit makes a new one."""
        return [0 if p is None else p.version for p in self.positions()]

    def kill_on_the_way(self, life: Life) -> None:
        """SIGKILL at a random point between here and the end of the logs."""
        now, end = self.progress(), sum(self.ends().values())
        self.wait_progress(life, self.rng.randint(now + 1, max(now + 1, end - 50)))
        sleep(self.rng.uniform(0, 0.03))
        life.kill()
        self.killed_on_the_way += self.progress() < sum(self.ends().values())

    # Redis

    def dump(self) -> dict[bytes, Value]:
        """Everything in Redis, as the memory store has it."""
        found: dict[bytes, Value] = {}
        for client, key in self.all_keys():
            if key.startswith(b"d:"):
                scores = client.zrange(key, 0, -1, withscores=True)
                found[key] = {Identity(member): int(score) for member, score in scores}
            elif key.startswith(b"c:"):
                counts = client.hgetall(key)
                found[key] = {Identity(name): int(count) for name, count in counts.items()}
            elif key.startswith(b"t:"):
                found[key] = tuple(client.lrange(key, 0, -1))
            else:
                found[key] = client.get(key)
        return found

    def all_keys(self) -> Iterator[tuple[Any, bytes]]:
        """Every key, with a client of the server that has it."""
        return ((self.client, key) for key in self.client.scan_iter(count=1000))

    def back_up(self) -> Path:
        """A copy of what Redis holds now."""
        self.client.save()
        copy = self.folder / "older.rdb"
        shutil.copy(self.redis.folder / "dump.rdb", copy)
        return copy

    def restore(self, copy: Path, gently: bool) -> None:
        """Redis goes away and comes back as it was. gently: with a clean stop, else by SIGKILL."""
        self.client.close()
        if not gently:
            os.kill(self.redis.pid, signal.SIGKILL)
        self.redis.stop()
        shutil.copy(copy, self.redis.folder / "dump.rdb")
        self.redis.start()
        self.connect()


def make_topics(bootstrap: str, admin: Admin) -> None:
    """All topics, empty, with new topic ids."""
    names = [t.name for t in TOPICS]
    old = list(admin.describe(names))
    if old:
        client = AdminClient({"bootstrap.servers": bootstrap})
        for future in client.delete_topics(old, operation_timeout=20).values():
            future.result()
        until(lambda: not admin.describe(names), lambda: "topics are still there")
    assert set(admin.create(PARTITIONS, TOPICS)) == set(names)
