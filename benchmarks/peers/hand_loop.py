"""The peer: a careful loop by hand, as somebody writes it who has measured.

confluent-kafka in batches of at most 1,000, fastavro, one pipelined read and one pipelined write of
the batch's profiles in Redis, each once (redis-py with hiredis), River one by one, the batch's
scores produced and acknowledged before the offsets are committed. It loses or repeats what a crash
catches between Redis and the offsets.

Run: `python benchmarks/peers/hand_loop.py` with PEER_BROKER and PEER_REDIS in the environment.
"""

from __future__ import annotations

import json
import os
import signal
from typing import Any

import redis
from confluent_kafka import Consumer, Producer

from benchmarks.peers.simple_profile import (
    EVENTS,
    SCORES,
    Enricher,
    Profile,
    key_of,
    loaded,
    name_and_id,
)

BATCH = 1_000
DONE = "hand-loop-done"
"""Counts the events whose profiles are written."""


def main() -> None:
    """Until it is stopped."""
    broker = os.environ.get("PEER_BROKER", "127.0.0.1:9092")
    store = redis.Redis.from_url(os.environ.get("PEER_REDIS", "redis://127.0.0.1:6379/0"))
    consumer = Consumer(
        {
            "bootstrap.servers": broker, "group.id": "hand-loop", "auto.offset.reset": "earliest",
            "enable.auto.commit": False, "fetch.wait.max.ms": 10, "session.timeout.ms": 6000,
            "heartbeat.interval.ms": 2000,
        }
    )  # fmt: skip
    producer = Producer({"bootstrap.servers": broker, "linger.ms": 0, "compression.type": "lz4"})
    consumer.subscribe([EVENTS])
    enricher, running = Enricher(), [True]
    signal.signal(signal.SIGTERM, lambda *_: running.clear())
    while running:
        messages = consumer.consume(BATCH, 0.01)
        values = [m.value() for m in messages if m.error() is None]
        if values:
            fold_batch(enricher, store, producer, [v for v in values if v is not None])
            consumer.commit(asynchronous=True)
    consumer.close()


def fold_batch(enricher: Enricher, store: Any, producer: Producer, values: list[bytes]) -> None:
    """Decode, read all profiles, take event by event, write all profiles, send all scores."""
    events = [enricher.decode(value) for value in values]
    names = [name_and_id(event) for event in events]
    distinct = list(dict.fromkeys(names))
    stored = dict(zip(distinct, store.mget([key_of(n) for n in distinct]), strict=True))
    profiles: dict[str, Profile] = {}
    for name, event in zip(names, events, strict=True):
        if name not in profiles:
            profiles[name] = loaded(stored[name], event["timestamp"])
        score = enricher.take(name, event, profiles[name])
        producer.produce(SCORES, score, name.encode())
    pipe = store.pipeline(transaction=False)
    pipe.mset({key_of(name): json.dumps(profile) for name, profile in profiles.items()})
    pipe.incrby(DONE, len(events))
    pipe.execute()
    producer.flush()


if __name__ == "__main__":
    main()
