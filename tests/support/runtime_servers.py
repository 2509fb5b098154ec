"""Servers of a test process: started at the first use, once, stopped at its end."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from itertools import count
from typing import Any

from launcher.embedded import EmbeddedBroker
from launcher.errors import LauncherError
from launcher.kafka import KafkaServer
from launcher.kafka_jars import installed, java, kafka_jars
from launcher.redis_server import RedisServer
from runtime_broker import Broker

_DATABASES = 256


class Servers:
    """What runs, and how many tests used what."""

    def __init__(self) -> None:
        self.used: Counter[str] = Counter()
        self.missing_kafka = ""
        self._stack = contextlib.ExitStack()
        self._embedded: EmbeddedBroker | None = None
        self._kafka: KafkaServer | None = None
        self._redis: RedisServer | None = None
        self._databases: Iterator[int] = count()

    def kafka_missing_because(self) -> str:
        """Why there is no real Kafka on this machine; "" where there is."""
        if not self.missing_kafka:
            try:
                java()
                if not installed():
                    kafka_jars()
            except LauncherError as error:
                self.missing_kafka = error.message
        return self.missing_kafka

    def kafka(self) -> Broker:
        """The real Kafka of the session, or the embedded broker where there can be none."""
        if self.kafka_missing_because():
            return self.embedded()
        if self._kafka is None or not self._kafka.running:
            self._kafka = self._stack.enter_context(KafkaServer())
        self.used[f"Apache Kafka {self._kafka.version}"] += 1
        return Broker("kafka", self._kafka.bootstrap)

    def embedded(self) -> Broker:
        """The embedded broker of the session."""
        if self._embedded is None or not self._embedded.running:
            self._embedded = self._stack.enter_context(EmbeddedBroker())
        self.used["embedded broker"] += 1
        return Broker("embedded", self._embedded.bootstrap)

    def redis(self) -> str:
        """URL of a database that no test before used, emptied."""
        if self._redis is None or not self._redis.running:
            self._redis = self._stack.enter_context(RedisServer(databases=_DATABASES))
        self.used["redis-server"] += 1
        url = self._redis.database(next(self._databases) % _DATABASES)
        _empty(url)
        return url

    def close(self) -> None:
        """Stop everything."""
        self._stack.close()

    def note(self) -> dict[str, Any]:
        """What another process needs to know for its `add`: plain values."""
        return {"used": dict(self.used), "missing_kafka": self.missing_kafka}

    def add(self, note: dict[str, Any]) -> None:
        """Count what the tests of another process ran on."""
        self.used.update(note["used"])
        self.missing_kafka = self.missing_kafka or note["missing_kafka"]

    def report(self) -> str:
        """One line: what the tests ran on; "" where they needed nothing."""
        parts = [f"{name} ({tests} tests)" for name, tests in sorted(self.used.items())]
        line = "integration tests ran on: " + ", ".join(parts) if parts else ""
        if self.missing_kafka:
            line += f"; no real Kafka: {self.missing_kafka}"
        return line


def _empty(url: str) -> None:
    import redis

    with redis.Redis.from_url(url) as client:
        client.flushdb()
