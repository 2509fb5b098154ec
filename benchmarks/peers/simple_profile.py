"""What all peers do with an event: decode it, keep a profile of counters, features of one model.

It is less than Afflux does: one model, no exactly-once state, no validation, no links, no factors;
a purchase is labelled by the gap before it, at once.
"""

from __future__ import annotations

import io
import json
import math
from typing import Any

from fastavro import schemaless_reader, schemaless_writer
from river.linear_model import LogisticRegression
from river.preprocessing import StandardScaler

import schemas

EVENTS, SCORES = "experience-events", "naive-scores"

DAY_MS = 86_400_000
WINDOW_DAYS = 14
FRAME = 10
"""Bytes of the single-object frame before the value."""
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
        "recency": math.log1p(max(0, since) / DAY_MS),
        "tenure": math.log1p(max(0, now - profile["first"]) / DAY_MS),
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


class Enricher:
    """One River model over profiles that somebody else keeps."""

    def __init__(self) -> None:
        self._events = dict(schemas.load("ExperienceEvent").parsed)
        self._scores = dict(schemas.load("ScoreUpdate").parsed)
        self._model = StandardScaler() | LogisticRegression()

    def decode(self, value: bytes) -> dict[str, Any]:
        """The event of a record."""
        event = schemaless_reader(io.BytesIO(value[FRAME:]), self._events, None)
        assert isinstance(event, dict)
        return event

    def take(self, identity: str, event: dict[str, Any], profile: Profile) -> bytes:
        """Learn, fold and predict; the encoded score. The profile is changed in place."""
        now = event["timestamp"]
        if event["eventType"] == "commerce.purchases" and profile["last_purchase"] is not None:
            stayed_away = now - profile["last_purchase"] > WINDOW_DAYS * DAY_MS
            self._model.learn_one(profile["open"], stayed_away)
        fold(profile, event)
        x = features(profile, now)
        chance = self._model.predict_proba_one(x).get(True, 0.5)
        profile.update(open=x, score=chance, event=event["_id"])
        out = io.BytesIO()
        schemaless_writer(out, self._scores, score_update(identity, event, chance))
        return out.getvalue()


def key_of(identity: str) -> str:
    """Of the profile in Redis."""
    return f"profile:{identity}"


def loaded(text: bytes | str | None, now: int) -> Profile:
    """A profile as it was stored, or a new one."""
    profile: Profile = json.loads(text) if text else new_profile(now)
    return profile
