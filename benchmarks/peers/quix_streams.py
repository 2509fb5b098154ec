"""The peer: the Quix Streams app that one writes first.

The same steps as the Faust app, in Quix Streams 3: one event at a time, Redis asked and told for
each, the score onto a topic. Quix runs in an environment of its own (`benchmarks/peer_venv.py`).

Run: `python benchmarks/peers/quix_streams.py` with PEER_BROKER and PEER_REDIS in the environment.
"""

from __future__ import annotations

import json
import os
from typing import Any

import redis
from quixstreams import Application  # type: ignore[import-not-found]

from benchmarks.peers.simple_profile import EVENTS, SCORES, Enricher, key_of, loaded, name_and_id

store = redis.Redis.from_url(os.environ.get("PEER_REDIS", "redis://127.0.0.1:6379/0"))
enricher = Enricher()


def enrich(value: bytes) -> bytes:
    """One event: decode, profile, predict, learn, store; the encoded score."""
    event = enricher.decode(value)
    identity = name_and_id(event)
    text: Any = store.get(key_of(identity))
    profile = loaded(text, event["timestamp"])
    score = enricher.take(identity, event, profile)
    store.set(key_of(identity), json.dumps(profile))
    return score


def main() -> None:
    """Until it is stopped."""
    app = Application(
        broker_address=os.environ.get("PEER_BROKER", "127.0.0.1:9092"),
        consumer_group="quix",
        auto_offset_reset="earliest",
        auto_create_topics=False,
        loglevel="WARNING",
        state_dir=os.environ.get("PEER_FOLDER", "quix-data"),
    )
    events = app.topic(EVENTS, key_deserializer="bytes", value_deserializer="bytes")
    scores = app.topic(SCORES, key_serializer="bytes", value_serializer="bytes")
    frame = app.dataframe(events)
    frame.apply(enrich).to_topic(scores)
    app.run()


if __name__ == "__main__":
    main()
