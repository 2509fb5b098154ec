"""What decoding and encoding of events cost, by codec and batch size: CPU, one thread.

    python -m benchmarks.decode_bench [--json]

Baskets have 10 items with a category each; page views have none. "arrow" is bytes to Arrow
columns, "events" is all of the decoder: frames, Arrow, NumPy, rules, identities, hashes. The
figure of a cell is the best of several repeats, process CPU time.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import schemas
from streams.avro_tree import parse
from streams.bad_records import Limits
from streams.columns_codec import CodecName, open_codec
from streams.decoding import Decoder
from streams.encoding import encode_event_columns, encode_events
from streams.message_writer import MessageWriter, writer
from streams.records import RecordBatch

BATCHES = (1, 50, 500)
CODECS: tuple[CodecName, ...] = ("pyruhvro", "fastavro")
TIME = 1_700_000_000_000
EVENTS_A_REPEAT = 1_000
REPEATS = 7


def basket(i: int) -> dict[str, Any]:
    """A purchase of 10 items."""
    items = [
        {
            "SKU": f"{1000 + i * 7 % 5000 + k}",
            "name": f"product {k}",
            "quantity": 1 + k % 3,
            "priceTotal": 0.99 + k,
            "productCategories": [{"categoryID": f"{k}", "categoryName": "GROCERY"}],
        }
        for k in range(10)
    ]
    order = {"purchaseID": f"o{i}", "priceTotal": 54.9, "currencyCode": "USD"}
    return _event(i, "commerce.purchases", commerce={"order": order}, productListItems=items)


def page_view(i: int) -> dict[str, Any]:
    """A page view."""
    page = {"name": "home", "URL": "https://shop.example/home", "siteSection": "start"}
    return _event(i, "web.webpagedetails.pageViews", web={"webPageDetails": page})


def _event(i: int, event_type: str, **more: Any) -> dict[str, Any]:
    return {
        "_id": f"event-{i:08}",
        "timestamp": TIME + i,
        "eventType": event_type,
        "identityMap": {"crm": [{"id": f"{i * 31 % 2469}", "primary": True}]},
        **more,
    }


def cost(work: Callable[[], object], events: int) -> float:
    """CPU microseconds an event: best of several repeats of about `EVENTS_A_REPEAT` events."""
    rounds = max(1, EVENTS_A_REPEAT // events)
    work()
    best = float("inf")
    for _ in range(REPEATS):
        start = time.process_time()
        for _ in range(rounds):
            work()
        best = min(best, (time.process_time() - start) / rounds)
    return best / events * 1e6


def measure() -> list[dict[str, Any]]:
    """One row a kind of event and batch size."""
    return [
        _measured(kind, [make(i) for i in range(n)])
        for kind, make in (("basket", basket), ("page view", page_view))
        for n in BATCHES
    ]


def _measured(kind: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    n, record = len(rows), parse(schemas.load("ExperienceEvent").json)
    values = encode_events(rows)
    payloads, records = [value[10:] for value in values], _batch(values)
    row: dict[str, Any] = {"kind": kind, "batch": n, "bytes": len(values[0])}
    for name in CODECS:
        codec, decoder = open_codec(record, name), Decoder(Limits(1, 64), b"", codec=name)
        row[f"arrow {name}"] = cost(partial(codec.decode, payloads), n)
        row[f"events {name}"] = cost(partial(decoder.events, records), n)
    columns = writer("ExperienceEvent").columns(rows)
    slow = MessageWriter("ExperienceEvent", fast=False)
    row["encode dicts"] = cost(partial(encode_events, rows), n)
    row["encode columns"] = cost(partial(encode_event_columns, columns), n)
    row["encode fastavro"] = cost(partial(slow.write, columns), n)
    return row


def _batch(values: list[bytes]) -> RecordBatch:
    n = len(values)
    offsets, times = np.arange(n, dtype=np.int64), np.full(n, TIME + 10_000, np.int64)
    return RecordBatch(
        "experience-events", 0, 0, n, 0, offsets, times, [None] * n, values, [()] * n
    )


def main() -> None:
    """Print the table, or JSON with --json."""
    rows = measure()
    if "--json" in sys.argv[1:]:
        print(json.dumps(rows))
        return
    names = [name for name in rows[0] if name not in ("kind", "batch", "bytes")]
    print("CPU microseconds an event")
    print("| event | batch | bytes | " + " | ".join(names) + " |")
    print("|---|---|---|" + "---|" * len(names))
    for row in rows:
        cells = [f"{row[name]:.1f}" for name in names]
        print(f"| {row['kind']} | {row['batch']} | {row['bytes']} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
