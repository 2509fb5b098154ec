"""The systems that are compared: how each is started, how far it is, what it has made readable."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import redis
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from afflux.names import Identity
from afflux.position import Position
from afflux.shards import murmur2, shards_for
from benchmarks.peer_venv import peer_python
from benchmarks.xdm_events import Event
from launcher.processes import ChildProcess
from launcher.stack import Stack
from launcher.worker_process import stack_environment
from profile_store.keys import Keys
from streams.topics import EXPERIENCE_EVENTS

MODELS = "churn,lifetime_value"
"""Of the comparison with the Faust app; a worker has more of them by default."""

SAME_WORK = {
    "AFFLUX_LEARN_MODELS": MODELS,
    "AFFLUX_WORKER_INTERESTS": "false",
    "AFFLUX_SILENCE_FIRST_DAYS": "0",
    "AFFLUX_LEARN_CLUSTERS": "false",
}
"""The Faust app keeps no interests, has no clusters, and scores nobody without an event."""

PEERS = Path(__file__).parent / "peers"
SCORES = "naive-scores"


class System(Protocol):
    """A system under test on a stack of its own."""

    name: str

    def prepare(self) -> None:
        """Make the topics."""
        ...

    def start(self, log: Path) -> ChildProcess:
        """Start one worker process."""
        ...

    def done(self) -> int:
        """Events that are in the state in Redis."""
        ...

    def readable(self, events: Sequence[Event]) -> list[bool]:
        """Whether the score as of each event can be read; no two events of one person."""
        ...


class Afflux:
    """`afflux worker` with two models and the learner, doing the work of the Faust app."""

    name = "afflux"
    settings: Mapping[str, str] = SAME_WORK

    def __init__(self, stack: Stack) -> None:
        self._env = stack_environment(
            stack, {"AFFLUX_WORKER_LOG_LEVEL": "warning", **self.settings}
        )
        self._redis = redis.Redis.from_url(stack.running.redis_url)
        self._shards = shards_for(stack.partitions)
        self._keys = Keys(self._shards)

    def prepare(self) -> None:
        """Make the topics."""
        _afflux(self._env, "topics", "create")

    def start(self, log: Path) -> ChildProcess:
        """Start one worker process."""
        return ChildProcess([sys.executable, "-m", "launcher.cli", "worker"], log, env=self._env)

    def done(self) -> int:
        """Records that the positions count: accepted, duplicates and rejected."""
        keys = [self._keys.position(shard) for shard in range(self._shards)]
        found = [Position.decode(value) for value in _mget(self._redis, keys) if value]
        # The slots before `late` are a partition of the records; control records are no events.
        return sum(sum(p.counters[:30]) - p.counters[2] for p in found)

    def readable(self, events: Sequence[Event]) -> list[bool]:
        """The served row ends with the id of the event that its scores are as of."""
        shards = (murmur2([Identity(e.key) for e in events]) % self._shards).tolist()
        keys = [
            self._keys.served(shard, [Identity(e.key)])[0]
            for shard, e in zip(shards, events, strict=True)
        ]
        values = _mget(self._redis, keys)
        return [
            value is not None and value.endswith(event.id.encode())
            for value, event in zip(values, events, strict=True)
        ]


class AffluxFull(Afflux):
    """`afflux worker` as it comes: all models, interests, clusters, refreshing the silent."""

    name = "afflux full"
    settings: Mapping[str, str] = {}


class Peer:
    """What somebody writes without Afflux: a profile a person in Redis, scores on a topic."""

    name: str
    file: str
    requirements: Sequence[str] = ()
    """Of an environment of its own; none: it runs in ours."""
    arguments: Sequence[str] = ()

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._redis = redis.Redis.from_url(stack.running.redis_url)

    def prepare(self) -> None:
        """Make the topics."""
        admin = AdminClient({"bootstrap.servers": self._stack.running.bootstrap})
        names = (EXPERIENCE_EVENTS.name, SCORES)
        topics = [NewTopic(name, self._stack.partitions, 1) for name in names]
        for made in admin.create_topics(topics).values():
            made.result(30)

    def start(self, log: Path) -> ChildProcess:
        """Start one worker process."""
        script = PEERS / self.file
        env = {
            **os.environ,
            "PYTHONPATH": str(PEERS.parents[1]),
            "PEER_BROKER": self._stack.running.bootstrap,
            "PEER_REDIS": self._stack.running.redis_url,
            "PEER_FOLDER": str(log.parent / "peer"),
            "PEER_PARTITIONS": str(self._stack.partitions),
        }
        name = script.stem
        python = peer_python(name, self.requirements) if self.requirements else sys.executable
        return ChildProcess([str(python), str(script), *self.arguments], log, env=env)

    def done(self) -> int:
        """Profiles written, one an event."""
        commands: Any = self._redis.info("commandstats")
        return int(commands.get("cmdstat_set", {}).get("calls", 0))

    def readable(self, events: Sequence[Event]) -> list[bool]:
        """The profile names the event that its score is as of."""
        values = _mget(self._redis, [b"profile:" + e.key for e in events])
        return [
            value is not None and f'"event": "{event.id}"'.encode() in value
            for value, event in zip(values, events, strict=True)
        ]


class Naive(Peer):
    """The obvious Faust app."""

    name = "naive faust"
    file = "naive_faust.py"
    arguments = ("worker", "-l", "warn", "--without-web")


class Quix(Peer):
    """The obvious Quix Streams app."""

    name = "quix"
    file = "quix_streams.py"
    requirements = ("quixstreams>=3.28,<4", "redis[hiredis]>=8,<9", "fastavro>=1.12", "river>=0.26")


class HandLoop(Peer):
    """A careful loop by hand."""

    name = "hand loop"
    file = "hand_loop.py"

    def done(self) -> int:
        """It counts them where it writes them."""
        return int(_mget(self._redis, [b"hand-loop-done"])[0] or 0)


def _mget(client: redis.Redis, keys: Sequence[bytes]) -> list[bytes | None]:
    values: Any = client.mget(keys)
    return list(values)


def _afflux(env: dict[str, str], *arguments: str) -> None:
    command = [sys.executable, "-m", "launcher.cli", *arguments]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"afflux {' '.join(arguments)}: {done.stderr.strip()}")
