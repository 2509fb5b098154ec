"""A generated log with everything that goes wrong in practice: see `workload`."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from afflux.names import Identity
from afflux.outcome import Control
from afflux.shards import murmur2
from enrich_rig import SECRET, START, Logged, Logs
from streams.control_signing import SIGNATURE, sign
from streams.encoding import encode_attributes, encode_control, encode_events
from streams.topics import EXPERIENCE_EVENTS, PROFILE_ATTRIBUTES

DAY = 86_400_000

Made = Control | bytes | str
"""A record: a control record, broken bytes, or "event" or "attributes" for the next of these."""


def workload(
    logs: Logs,
    records: int,
    people: int,
    days: int,
    seed: int,
    start: int = START,
    first: int = 0,
) -> None:
    """Fill the input topics; event time goes from `start` over `days`.

    One hot key, 5 % late events, repeats, links, deletes, attributes, broken bytes. first: number
    of the first record, which ids are made of.
    """
    rng = random.Random(seed)
    ids: list[tuple[str, str, int]] = []
    events: list[dict[str, Any]] = []
    attributes: list[dict[str, Any]] = []
    made: list[tuple[int, str, Made]] = []
    for n in range(first, first + records):
        now = start + (n - first) * days * DAY // records
        who = f"crm:{0 if rng.random() < 0.1 else rng.randrange(people)}"
        roll = rng.random()
        if roll < 0.86:
            late = rng.randrange(20 * DAY) if rng.random() < 0.05 else 0
            event_id = f"e{n}"
            if ids and rng.random() < 0.04:
                event_id, who, late = rng.choice(ids[-30:])
            ids.append((event_id, who, late))
            other = f"web:{rng.randrange(people)}" if rng.random() < 0.03 else None
            events.append(_event(rng, event_id, who, now - late, other))
            made.append((now, who, "event"))
        elif roll < 0.88:
            made.append((now, who, rng.randbytes(rng.randrange(1, 40))))
        elif roll < 0.90:
            identity = Identity(who.encode())
            made.append((now, who, Control("delete", 0, now, now, identity, 0, None, f"d{n}")))
        elif roll < 0.91:
            identity, other_end = Identity(who.encode()), f"web:{rng.randrange(people)}".encode()
            unlink = Control("unlink", 0, now, now, identity, 0, Identity(other_end), f"u{n}")
            made.append((now, who, unlink))
        else:
            attributes.append(
                {
                    "timestamp": now - rng.choice([0, 0, DAY]),
                    "identityMap": {"crm": [{"id": who[4:]}]},
                    "attributes": {"tier": rng.choice(["gold", "silver"]), "n": n},
                }
            )
            made.append((now, who, "attributes"))
    _log(logs, made, events, attributes)


def _log(
    logs: Logs,
    made: Sequence[tuple[int, str, Made]],
    events: Sequence[dict[str, Any]],
    attributes: Sequence[dict[str, Any]],
) -> None:
    """Append all, encoded at once: one by one it takes longer than folding."""
    event, attribute = iter(encode_events(events)), iter(encode_attributes(attributes))
    for now, who, what in made:
        logs.now = now
        if isinstance(what, Control):
            _control(logs, what)
        elif isinstance(what, bytes):
            _append(logs, who, what)
        elif what == "event":
            _append(logs, who, next(event))
        else:
            record = Logged(who.encode(), next(attribute), now)
            logs.append(PROFILE_ATTRIBUTES.name, record)


def purchase(ts: int, event_id: str, who: str = "crm:1") -> Logged:
    """One purchase of 10."""
    event = {
        "_id": event_id,
        "timestamp": ts,
        "eventType": "commerce.purchases",
        "identityMap": {"crm": [{"id": who[4:], "primary": True}]},
        "commerce": {"order": {"purchaseID": event_id, "priceTotal": 10.0}},
    }
    return Logged(who.encode(), encode_events([event])[0], ts)


def delete(logs: Logs, who: str, ts: int) -> None:
    """Forget a person."""
    _control(logs, Control("delete", 0, ts, ts, Identity(who.encode()), 0, None, f"d{ts}"))


def _event(
    rng: random.Random, event_id: str, who: str, ts: int, other: str | None
) -> dict[str, Any]:
    identities: dict[str, Any] = {"crm": [{"id": who[4:], "primary": True}]}
    if other is not None:
        identities["web"] = [{"id": other[4:]}]
    kind = rng.choice(["commerce.purchases"] * 3 + ["web.webpagedetails.pageViews", "x.other"])
    event: dict[str, Any] = {
        "_id": event_id, "timestamp": ts, "eventType": kind, "identityMap": identities,
    }  # fmt: skip
    if kind == "commerce.purchases":
        amount = rng.choice([0.0, 9.99, 100.0, 1e-13])
        event["commerce"] = {"order": {"purchaseID": event_id, "priceTotal": amount}}
    return {**event, **about(event_id, kind)}


def about(event_id: str, kind: str) -> dict[str, Any]:
    """Items of a basket or a page, the same whenever the id is the same; often none."""
    rng = random.Random(event_id)
    if kind == "commerce.purchases":
        skus = [rng.randrange(60) for _ in range(rng.choice([0, 1, 3, 30]))]
        return {"productListItems": [_item(sku) for sku in skus]}
    if rng.random() < 0.5:
        return {}
    number = rng.randrange(40)
    page = {"name": f"page {number}", "siteSection": f"section {number % 5}"}
    return {"web": {"webPageDetails": {**page, "tags": [f"tag {number % 9}", "all"]}}}


def _item(sku: int) -> dict[str, Any]:
    category = {"categoryID": f"{sku % 25}", "categoryName": f"Käse {sku % 25}"}
    return {"SKU": f"sku-{sku}", "quantity": 1, "productCategories": [category]}


def _append(logs: Logs, who: str, value: bytes) -> None:
    logs.append(EXPERIENCE_EVENTS.name, Logged(who.encode(), value, logs.now))


def _control(logs: Logs, control: Control) -> None:
    value = encode_control(control)
    partition = int(murmur2([control.identity or b""])[0]) % logs.partitions
    signature = sign(SECRET, EXPERIENCE_EVENTS.name, partition, control.identity, value)
    record = Logged(control.identity, value, logs.now, ((SIGNATURE, signature),))
    logs.append(EXPERIENCE_EVENTS.name, record, partition)
