"""The events of the benchmark: XDM baskets and page views, the same for every system.

Half of them are baskets of 1 to 19 items, mean 10, as The Complete Journey has them; half are
page views. Everything follows from the seed.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from fastavro import schemaless_writer

import schemas

Keys = Literal["uniform", "skewed"]

START_MS = 1_735_689_600_000  # 2025-01-01
DAYS = 90
DAY_MS = 86_400_000
NAMESPACE = "crm"


@dataclass(frozen=True, slots=True)
class Event:
    """An encoded event: what a producer hands to Kafka."""

    id: str
    key: bytes
    value: bytes


def events(count: int, people: int, keys: Keys, seed: int = 1) -> list[Event]:
    """`count` events in order of their event time, over `DAYS` days."""
    rng = np.random.default_rng(seed)
    who = _people(rng, count, people, keys).tolist()
    step = DAYS * DAY_MS // count
    return [
        _encode(_event(rng, f"{keys}-{seed}-{i}", f"p{who[i]}", START_MS + i * step))
        for i in range(count)
    ]


def single(name: str, person: str, timestamp: int, rng: np.random.Generator) -> Event:
    """One event of one person."""
    return _encode(_event(rng, name, person, timestamp))


def _people(rng: np.random.Generator, count: int, people: int, keys: Keys) -> Any:
    if keys == "uniform":
        return rng.integers(0, people, count)
    # Zipf with exponent 1: of 20,000 people the first has 9.5 % of the events.
    weight = 1 / np.arange(1, people + 1)
    return rng.choice(people, count, p=weight / weight.sum())


def _event(rng: np.random.Generator, name: str, person: str, timestamp: int) -> dict[str, Any]:
    event = {
        "_id": name,
        "timestamp": timestamp,
        "identityMap": {NAMESPACE: [{"id": person, "primary": True}]},
    }
    return event | (_basket(rng, name) if rng.random() < 0.5 else _page_view(rng))


def _basket(rng: np.random.Generator, name: str) -> dict[str, Any]:
    size = int(rng.integers(1, 20))
    items: list[dict[str, Any]] = [
        {
            "SKU": str(sku),
            "name": f"product {sku}",
            "quantity": int(quantity),
            "priceTotal": float(price),
            "productCategories": [{"categoryName": f"category {sku % 300}"}],
        }
        for sku, quantity, price in zip(
            rng.integers(0, 92_000, size),
            rng.integers(1, 4, size),
            rng.lognormal(1.0, 0.7, size).round(2),
            strict=True,
        )
    ]
    total = round(sum(item["priceTotal"] for item in items), 2)
    order = {"purchaseID": name, "priceTotal": total, "currencyCode": "USD"}
    return {
        "eventType": "commerce.purchases",
        "commerce": {"order": order},
        "productListItems": items,
    }


def _page_view(rng: np.random.Generator) -> dict[str, Any]:
    page = int(rng.integers(0, 500))
    return {
        "eventType": "web.webpagedetails.pageViews",
        "web": {
            "webPageDetails": {"name": f"page {page}", "URL": f"https://shop.example/{page}"},
            "webReferrer": {"type": "internal"},
        },
        "device": {"type": "mobile"},
    }


def _encode(event: dict[str, Any]) -> Event:
    contract = schemas.load("ExperienceEvent")
    out = io.BytesIO()
    schemaless_writer(out, dict(contract.parsed), event)
    [item] = event["identityMap"][NAMESPACE]
    value = b"\xc3\x01" + contract.fingerprint + out.getvalue()
    return Event(event["_id"], f"{NAMESPACE}:{item['id']}".encode(), value)
