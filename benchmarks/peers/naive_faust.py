"""The peer: the Faust app that one writes first.

One event at a time: fastavro decodes it, Redis gives the profile, a River model predicts and
learns, Redis takes the profile back, the score is sent. It awaits that Faust takes a score, not
that Kafka acknowledges it.

Run: `python benchmarks/peers/naive_faust.py worker` with PEER_BROKER, PEER_REDIS and
PEER_PARTITIONS in the environment.
"""

from __future__ import annotations

import json
import os
from typing import Any

import faust
import redis.asyncio

from benchmarks.peers.simple_profile import EVENTS, SCORES, Enricher, key_of, loaded, name_and_id

app = faust.App(
    "naive",
    broker=f"kafka://{os.environ.get('PEER_BROKER', '127.0.0.1:9092')}",
    topic_partitions=int(os.environ.get("PEER_PARTITIONS", "4")),
    topic_allow_declare=False,
    topic_disable_leader=True,
    consumer_auto_offset_reset="earliest",
    broker_session_timeout=6.0,
    broker_heartbeat_interval=2.0,
    web_enabled=False,
    store="memory://",
    datadir=os.environ.get("PEER_FOLDER", "naive-data"),
)
events = app.topic(EVENTS, key_type=bytes, value_type=bytes, value_serializer="raw")
scores = app.topic(SCORES, key_type=bytes, value_type=bytes, value_serializer="raw")
store = redis.asyncio.Redis.from_url(os.environ.get("PEER_REDIS", "redis://127.0.0.1:6379/0"))
enricher = Enricher()


@app.agent(events)
async def enrich(stream: Any) -> None:
    """One event: decode, profile, predict, learn, store, send."""
    async for value in stream:
        event = enricher.decode(value)
        identity = name_and_id(event)
        profile = loaded(await store.get(key_of(identity)), event["timestamp"])
        score = enricher.take(identity, event, profile)
        await store.set(key_of(identity), json.dumps(profile))
        await scores.send(key=identity.encode(), value=score)


if __name__ == "__main__":
    app.main()
