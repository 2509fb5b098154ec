"""Topics as the broker has them: create, describe, ids, ends, lag. Synchronous, for any thread."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from time import monotonic, sleep
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicCollection
from confluent_kafka import TopicPartition as Partition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # some miss in __all__
    AdminClient,
    ConfigResource,
    NewTopic,
    TopicDescription,
)

from streams.errors import BrokerUnavailable
from streams.log_ends import read_log_ends
from streams.logs import quiet_librdkafka
from streams.ports import TP, LogRange
from streams.producing import MAX_MESSAGE_BYTES
from streams.retriable import retried
from streams.settings import StreamSettings
from streams.topics import TOPICS, Topic

_EXISTS = 36
_UNKNOWN = 3
_LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic as the broker has it."""

    name: str
    topic_id: bytes
    partitions: int
    replicas: int
    configs: dict[str, str]


@dataclass(frozen=True, slots=True)
class Lag:
    """Of one group in one topic partition. `committed` is None where it never committed."""

    committed: int | None
    end: int

    @property
    def records(self) -> int:
        """How many records are not committed yet."""
        return self.end - (self.committed or 0)


class Admin:
    """Cheap to create; keep it. Every method raises BrokerUnavailable.

    timeout: seconds that one request to the broker may take.
    """

    def __init__(self, settings: StreamSettings, timeout: float = 10.0) -> None:
        self._settings, self._timeout = settings, timeout
        self._client = AdminClient(quiet_librdkafka(settings.librdkafka()))

    def cluster_id(self) -> str:
        """Id of the cluster; the check whether the broker is there."""
        try:
            about = retried(lambda: self._client.list_topics(timeout=self._timeout))
            return str(about.cluster_id)
        except KafkaException as error:
            raise self._unavailable(error) from error

    def create(
        self, partitions: int, topics: Sequence[Topic] = TOPICS, replicas: int = -1
    ) -> list[str]:
        """Create those which are missing; returns their names. -1: the broker's own replication."""
        new = [_new_topic(topic, partitions, replicas) for topic in topics]
        created: set[str] = set()
        try:
            retried(lambda: self._create(new, created))
        except KafkaException as error:
            raise self._unavailable(error) from error
        self._wait_until_known(sorted(created))
        return [topic.name for topic in topics if topic.name in created]

    def _create(self, new: list[NewTopic], created: set[str]) -> None:
        """What exists already is left out of `created`, what an earlier try has made is not."""
        for name, future in self._client.create_topics(
            [topic for topic in new if topic.topic not in created],
            operation_timeout=self._timeout,
            request_timeout=self._timeout,
        ).items():
            try:
                future.result()
                created.add(name)
            except KafkaException as error:
                if error.args[0].code() != _EXISTS:
                    raise

    def _wait_until_known(self, names: list[str]) -> None:
        """A topic that was created is not known to every broker at once."""
        until = monotonic() + self._timeout
        while set(self.describe(names)) != set(names):
            if monotonic() > until:
                raise BrokerUnavailable(f"created, but not known yet: {', '.join(names)}")
            sleep(_LOOK_SECONDS)

    def describe(self, names: Iterable[str], configs: bool = False) -> dict[str, TopicState]:
        """Those of them that exist. configs: also their configuration, defaults included."""
        wanted = sorted(set(names))
        found: dict[str, TopicState] = {}
        if not wanted:
            return found
        try:
            known = retried(lambda: self._describe(wanted))
        except KafkaException as error:
            raise self._unavailable(error) from error
        cluster = ""
        for name, about in known.items():
            topic_id = _id_bytes(about.topic_id)
            if topic_id is None:
                cluster = cluster or self.cluster_id()
                topic_id = derived_topic_id(cluster, name)
            replicas = min((len(p.replicas) for p in about.partitions), default=0)
            found[name] = TopicState(name, topic_id, len(about.partitions), replicas, {})
        return self._with_configs(found) if configs and found else found

    def _describe(self, names: list[str]) -> dict[str, TopicDescription]:
        found = {}
        for name, future in self._client.describe_topics(
            TopicCollection(names), request_timeout=self._timeout
        ).items():
            try:
                found[name] = future.result()
            except KafkaException as error:
                if error.args[0].code() != _UNKNOWN:
                    raise
        return found

    def log_ranges(self, names: Iterable[str]) -> dict[TP, LogRange]:
        """Of every partition of these topics. Blocks: use a thread beside an event loop."""
        topics = self.describe(names)
        tps = [(t.name, number) for t in topics.values() for number in range(t.partitions)]
        # In a thread of its own: the caller's may have a running loop.
        with ThreadPoolExecutor(1) as thread:
            ends = thread.submit(
                asyncio.run, read_log_ends(self._settings, tps, self._timeout)
            ).result()
        return {tp: LogRange(topics[tp[0]].topic_id, *ends[tp]) for tp in tps}

    def lag(self, group: str, names: Iterable[str]) -> dict[TP, Lag]:
        """How far a consumer group is behind, by what it committed last."""
        ranges = self.log_ranges(names)
        # Not by AdminClient.list_consumer_group_offsets: while the group's coordinator loads,
        # librdkafka 2.16 dies in it (it touches the group that an admin client has not).
        consumer = Consumer(quiet_librdkafka({**self._settings.librdkafka(), "group.id": group}))
        try:
            places = [Partition(*tp) for tp in ranges]
            answer = retried(lambda: consumer.committed(places, timeout=self._timeout))
        except KafkaException as error:
            raise self._unavailable(error) from error
        finally:
            consumer.close()
        committed = {(p.topic, p.partition): p.offset for p in answer if p.offset >= 0}
        return {tp: Lag(committed.get(tp), log.end) for tp, log in ranges.items()}

    def _with_configs(self, topics: dict[str, TopicState]) -> dict[str, TopicState]:
        resources = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in topics]
        ask = partial(self._client.describe_configs, resources, request_timeout=self._timeout)
        try:
            found = retried(lambda: {r.name: future.result() for r, future in ask().items()})
        except KafkaException as error:
            raise self._unavailable(error) from error
        for name, entries in found.items():
            topics[name].configs.update({e.name: e.value for e in entries.values()})
        return topics

    def _unavailable(self, error: KafkaException) -> BrokerUnavailable:
        said: KafkaError = error.args[0]
        away = said.code() in (KafkaError._TIMED_OUT, KafkaError._TRANSPORT, KafkaError._RESOLVE)
        what = " cannot be reached" if away else ""
        return BrokerUnavailable(f"Kafka at {self._settings.brokers}{what}: {said.str()}")


def derived_topic_id(cluster_id: str, name: str) -> bytes:
    """16 bytes that stand for a topic where the broker gives no id.

    >>> derived_topic_id("a", "events") == derived_topic_id("b", "events")
    False
    """
    return hashlib.sha256(f"{cluster_id}\0{name}".encode()).digest()[:16]


def _id_bytes(topic_id: Any) -> bytes | None:
    if topic_id is None:
        return None
    high = topic_id.get_most_significant_bits() & 0xFFFFFFFFFFFFFFFF
    low = topic_id.get_least_significant_bits() & 0xFFFFFFFFFFFFFFFF
    return (high << 64 | low).to_bytes(16, "big") if high or low else None


def _new_topic(topic: Topic, partitions: int, replicas: int) -> NewTopic:
    configs = topic.configs
    if topic.name.endswith(".dlq"):
        configs["max.message.bytes"] = str(MAX_MESSAGE_BYTES)
    return NewTopic(topic.name, topic.partitions or partitions, replicas, config=configs)
