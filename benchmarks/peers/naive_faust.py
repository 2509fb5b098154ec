"""The peer: the Faust app that one writes first.

One event at a time: fastavro decodes it, Redis gives the profile, a River model predicts and
learns, Redis takes the profile back, the score is sent. It does less than Afflux: one model, no
exactly-once state, no validation, no links, no factors; a purchase is labelled by the gap before
it, at once. It awaits that Faust takes a score, not that Kafka acknowledges it.

Run: `python benchmarks/peers/naive_faust.py worker` with NAIVE_BROKER, NAIVE_REDIS and
NAIVE_PARTITIONS in the environment.
"""

from __future__ import annotations

import io
import json
import math
import os
from typing import Any

import faust
import redis.asyncio
from fastavro import schemaless_reader, schemaless_writer
from river.linear_model import LogisticRegression
from river.preprocessing import StandardScaler

import schemas

DAY_MS = 86_400_000
WINDOW_DAYS = 14
FRAME = 10
HALF_LIVES = (7, 60)
DECAYED = [f"{name}_{days}" for name in ("visits", "spend") for days in HALF_LIVES]

Profile = dict[str, Any]


def name_and_id(event: dict[str, Any]) -> str:
    """The primary identity as `namespace:id`."""
    pairs = [(ns, item) for ns, items in event["identityMap"].items() for item in items]
    namespace, item = next((p for p in pairs if p[1]["primary"]), pairs[0])
    return f"{namespace}:{item['id']}"


def new_profile(now: int) -> Profile:
    """A profile without events."""
    counters = dict.fromkeys(("events", "purchases", "revenue", "items", "gaps", "gap_days"), 0.0)
    decayed = dict.fromkeys(DECAYED, 0.0)
    return {**counters, **decayed, "first": now, "last": now, "last_purchase": None, "open": None}


def fold(profile: Profile, event: dict[str, Any]) -> None:
    """Take one event into the profile."""
    now = event["timestamp"]
    bought = event["eventType"] == "commerce.purchases"
    order = (event["commerce"] or {}).get("order") or {}
    amount = (order.get("priceTotal") or 0.0) if bought else 0.0
    for days in HALF_LIVES:
        keep = 0.5 ** ((now - profile["last"]) / DAY_MS / days)
        profile[f"visits_{days}"] = profile[f"visits_{days}"] * keep + 1
        profile[f"spend_{days}"] = profile[f"spend_{days}"] * keep + amount
    profile["events"] += 1
    profile["last"] = max(now, profile["last"])
    if not bought:
        return
    if profile["last_purchase"] is not None:
        profile["gaps"] += 1
        profile["gap_days"] += (now - profile["last_purchase"]) / DAY_MS
    profile["purchases"] += 1
    profile["revenue"] += amount
    profile["items"] += sum(item["quantity"] or 0 for item in event["productListItems"])
    profile["last_purchase"] = now


def features(profile: Profile, now: int) -> dict[str, float]:
    """What the model sees."""
    purchases = profile["purchases"]
    since = now - (profile["last_purchase"] or now)
    hour = now / 3_600_000 % 24
    return {
        "events": math.log1p(profile["events"]),
        "purchases": math.log1p(purchases),
        "revenue": math.log1p(profile["revenue"]),
        "items": math.log1p(profile["items"]),
        "basket": profile["revenue"] / purchases if purchases else 0.0,
        "gap": profile["gap_days"] / profile["gaps"] if profile["gaps"] else 0.0,
        "recency": math.log1p(since / DAY_MS),
        "tenure": math.log1p((now - profile["first"]) / DAY_MS),
        "hour_sin": math.sin(hour * math.pi / 12),
        "hour_cos": math.cos(hour * math.pi / 12),
        **{name: math.log1p(profile[name]) for name in DECAYED},
    }


def score_update(identity: str, event: dict[str, Any], value: float) -> dict[str, Any]:
    """The record that goes onto the topic of scores."""
    score = {
        "model": "churn",
        "version": "",
        "value": value,
        "score": round(100 * value),
        "percentile": 0,
        "bucket": "low" if value < 0.34 else "medium" if value < 0.67 else "high",
        "trusted": False,
        "factors": [],
        "previous": None,
    }
    return {
        "profileId": identity,
        "identity": identity,
        "identities": [identity],
        "positionOffset": 0,
        "positionVersion": 0,
        "eventId": event["_id"],
        "eventTime": event["timestamp"],
        "eventOffset": 0,
        "scores": [score],
    }


app = faust.App(
    "naive",
    broker=f"kafka://{os.environ.get('NAIVE_BROKER', '127.0.0.1:9092')}",
    topic_partitions=int(os.environ.get("NAIVE_PARTITIONS", "4")),
    topic_allow_declare=False,
    topic_disable_leader=True,
    consumer_auto_offset_reset="earliest",
    broker_session_timeout=6.0,
    broker_heartbeat_interval=2.0,
    web_enabled=False,
    store="memory://",
    datadir=os.environ.get("NAIVE_FOLDER", "naive-data"),
)
events = app.topic(
    "experience-events", key_type=bytes, value_type=bytes, value_serializer="raw"
)  # fmt: skip
scores = app.topic("naive-scores", key_type=bytes, value_type=bytes, value_serializer="raw")
event_schema = dict(schemas.load("ExperienceEvent").parsed)
score_schema = dict(schemas.load("ScoreUpdate").parsed)
store = redis.asyncio.Redis.from_url(os.environ.get("NAIVE_REDIS", "redis://127.0.0.1:6379/0"))
model = StandardScaler() | LogisticRegression()


@app.agent(events)
async def enrich(stream: Any) -> None:
    """One event: decode, profile, predict, learn, store, send."""
    async for value in stream:
        event = schemaless_reader(io.BytesIO(value[FRAME:]), event_schema, None)
        assert isinstance(event, dict)
        identity, now = name_and_id(event), event["timestamp"]
        text = await store.get(f"profile:{identity}")
        profile = json.loads(text) if text else new_profile(now)
        if event["eventType"] == "commerce.purchases" and profile["last_purchase"] is not None:
            stayed_away = now - profile["last_purchase"] > WINDOW_DAYS * DAY_MS
            model.learn_one(profile["open"], stayed_away)
        fold(profile, event)
        x = features(profile, now)
        chance = model.predict_proba_one(x).get(True, 0.5)
        profile.update(open=x, score=chance, event=event["_id"])
        await store.set(f"profile:{identity}", json.dumps(profile))
        out = io.BytesIO()
        schemaless_writer(out, score_schema, score_update(identity, event, chance))
        await scores.send(key=identity.encode(), value=out.getvalue())


if __name__ == "__main__":
    app.main()
