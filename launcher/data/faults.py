"""Messages that a careless producer might send: each must end in the dead-letter topic."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from afflux.names import Identity
from afflux.shards import murmur2
from streams.encoding import encode_control, encode_events

_DAY_MS = 86_400_000
_UNKNOWN_FINGERPRINT = bytes.fromhex("c301") + b"\x00\x11\x22\x33\x44\x55\x66\x77"


@dataclass(frozen=True)
class Fault:
    """A broken message. what: in words; partition: None for the one of its key."""

    what: str
    key: bytes
    value: bytes | None
    partition: int | None = None


def faults(namespace: str, person: str, at: int, now: int, partitions: int) -> list[Fault]:
    """One message of every kind, as of the person `namespace:person` at the event time `at`.

    now: wall clock, ms. Where there is one partition only, none can be the wrong one.
    """
    key = f"{namespace}:{person}".encode()

    def event(name: str, **changes: Any) -> dict[str, Any]:
        who = {namespace: [{"id": person, "primary": True}]}
        return {
            "_id": f"fault-{name}",
            "timestamp": at,
            "eventType": "commerce.purchases",
            "identityMap": who,
            **changes,
        }

    def priced(total: float) -> dict[str, Any]:
        return {"order": {"purchaseID": "1", "priceTotal": total, "currencyCode": "USD"}}

    many = {namespace: [{"id": f"{person}-{n}", "primary": n == 0} for n in range(25)]}
    dicts = {
        "an event without a person": event("nobody", identityMap={}),
        "an event with an empty id": event("") | {"_id": ""},
        "a negative price": event("negative", commerce=priced(-5.0)),
        "a price that is no number": event("nan", commerce=priced(math.nan)),
        "an event from next month": event("future", timestamp=now + 30 * _DAY_MS),
        "an event from 1950": event("old", timestamp=-20 * 365 * _DAY_MS),
        "an event of 25 people": event("crowd", identityMap=many),
        "a whole one": event("whole"),
    }
    encoded = dict(zip(dicts, encode_events(list(dicts.values()), checked=False), strict=True))
    whole = encoded.pop("a whole one")
    found = [Fault(what, key, value) for what, value in encoded.items()]
    found += [
        Fault("JSON instead of Avro", key, b'{"_id": "1", "eventType": "commerce.purchases"}'),
        Fault("a schema that nobody knows", key, _UNKNOWN_FINGERPRINT + whole[10:]),
        Fault("a message cut short", key, whole[: len(whole) // 2]),
        Fault("a message with something after its end", key, whole + b"\x00\x01"),
        Fault("no value at all", key, None),
        Fault("a delete that nobody signed", key, encode_control(_delete(key, at))),
    ]
    if partitions > 1:
        right = int(murmur2([key])[0]) % partitions
        found.append(Fault("the partition of someone else", key, whole, (right + 1) % partitions))
    return found


def _delete(key: bytes, at: int) -> Any:
    from afflux.outcome import Control

    return Control(
        kind="delete",
        offset=-1,
        timestamp=at,
        append_time=at,
        identity=Identity(key),
        identity_hash=int(murmur2([Identity(key)])[0]),
    )
