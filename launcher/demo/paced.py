"""The paced phase: page views of known people at a steady pace, to measure freshness."""

from __future__ import annotations

from collections.abc import Sequence

from launcher.demo.freshness import Freshness, Probe, measure
from profile_store import AsyncProfileStore
from streams.delivery import KafkaDelivery
from streams.encoding import encode_events
from streams.ports import Message
from streams.settings import StreamSettings
from streams.topics import EXPERIENCE_EVENTS

PER_S = 500
SECONDS = 5.0
WARM_UP = 50
LOOK_AT_EVERY = 5


async def measure_freshness(
    settings: StreamSettings,
    store: AsyncProfileStore,
    people: Sequence[str],
    after: int,
    per_s: float = PER_S,
    seconds: float = SECONDS,
) -> tuple[Freshness, int]:
    """Freshness of page views of `people` (namespace:id), and how many were sent.

    after: event time of the first one, ms.
    """
    probes = make_probes(people, after, WARM_UP + round(per_s * seconds), per_s)
    delivery = KafkaDelivery(settings.model_copy(update={"linger_ms": 0.0}))

    async def send(key: bytes, value: bytes) -> object:
        return await delivery.send([Message(EXPERIENCE_EVENTS.name, key, value)])

    async def read(identities: Sequence[bytes]) -> list[str | None]:
        names = [identity.decode().split(":", 1) for identity in identities]
        found = await store.get_many([(n, i) for n, i in names], fields=["scores"])
        return [
            None if p is None else next((str(s.event_id) for s in p.scores.values()), None)
            for p in found
        ]

    try:
        # Connections are made with the first records, which are not measured.
        first = await measure(probes[:WARM_UP], per_s, send, read)
        found = await measure(probes[WARM_UP:], per_s, send, read, every=LOOK_AT_EVERY)
        found.missing += first.missing
        return found, len(probes)
    finally:
        await delivery.close()


def make_probes(people: Sequence[str], after: int, count: int, per_s: float) -> list[Probe]:
    """`count` page views, in turn of the people, at event times that go on at the pace.

    >>> [p.identity for p in make_probes(["a:1", "a:2"], 0, 3, 500)]
    [b'a:1', b'a:2', b'a:1']
    """
    events = []
    for number in range(count):
        namespace, _, id = people[number % len(people)].partition(":")
        events.append(
            {
                "_id": f"view-{after}-{number}",
                "timestamp": after + round(1000 * number / per_s),
                "eventType": "web.webpagedetails.pageViews",
                "identityMap": {namespace: [{"id": id, "primary": True}]},
                "web": {"webPageDetails": {"name": "account"}},
            }
        )
    values = encode_events(events)
    return [
        Probe(people[number % len(people)].encode(), str(events[number]["_id"]), value)
        for number, value in enumerate(values)
    ]
