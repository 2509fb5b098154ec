"""A worker and a gateway over one store in memory: what the log says is what the API answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from afflux.names import Identity
from core_cases import CATALOG
from enrich_rig import SECRET, Logged, Logs, Worker
from gateway.app import create_app
from gateway.composition import build_context
from gateway.containment import Contained
from gateway.key_file import KeyFile
from gateway.score_hub import ScoreHub
from gateway.settings import GatewaySettings
from gateway_rig import MemoryScoreLog
from memory_link import MemoryLink
from profile_store import AsyncProfileStore
from profile_store.audience_store import AudienceStore
from profile_store.installation import Installation, ensure_installation
from profile_store.memory import MemoryShardStore
from streams.encoding import encode_attributes, encode_events
from streams.ports import TP, Message
from streams.privacy.desk import PrivacyDesk
from streams.privacy.holdings import Configs
from streams.topics import EXPERIENCE_EVENTS, PROFILE_ATTRIBUTES, TOPICS
from streams.updates import decode_score_updates

SHARDS, PARTITIONS = 64, 2
PARTS = {
    "f": "fragments", "v": "served", "a": "attributes", "l": "links", "i": "interests",
    "t": "timeline", "u": "memberships", "d": "next_look", "n": "listed_in", "o": "announced",
    "m": "cluster_sample",
}  # fmt: skip
"""First letter of a key that holds or names a person -> the part of an export that has it."""
IMPERSONAL = frozenset("pbchkrw")
"""First letters of keys in which nobody is: positions, progress, counts, lists of snapshots."""
NOON = 1_700_049_600_000
HOUR = 3_600_000


class InputDelivery:
    """What the gateway produces lands in the input topics of the logs."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs

    async def send(self, messages: Sequence[Message]) -> dict[TP, int]:
        """Where each topic partition goes on."""
        for m in messages:
            assert m.partition is not None
            record = Logged(m.key, m.value, self._logs.now, m.headers)
            self._logs.append(m.topic, record, m.partition)
        ends = {(m.topic, m.partition or 0) for m in messages}
        return {tp: len(self._logs.inputs[tp]) for tp in ends}


class Site:
    """An installation in one process. The clock of requests is `logs.now`."""

    def __init__(self, folder: Path) -> None:
        self.store = MemoryShardStore(SHARDS)
        self.logs = Logs(PARTITIONS, now=NOON)
        shelf = AudienceStore(MemoryLink(self.store), self.store.keys)
        self.worker = Worker(self.store, self.logs, SHARDS, "w", idle_tick_s=30, audiences=shelf)
        self.reader = AsyncProfileStore(link=MemoryLink(self.store))
        self.desk = PrivacyDesk(
            self.reader, lambda: InputDelivery(self.logs), self._configs, SECRET,
            lambda: self.logs.now / 1000,
        )  # fmt: skip
        hub = ScoreHub(1000, 10)
        self.scores = MemoryScoreLog(hub)
        context = build_context(
            GatewaySettings(stream_s=0.01), KeyFile(folder / "keys.json"), self.reader,
            CATALOG.models, lambda: InputDelivery(self.logs), hub, self.scores, self.desk,
            open_without_keys=True,
        )  # fmt: skip
        transport = httpx.ASGITransport(Contained(create_app(context)))
        self.http = httpx.AsyncClient(transport=transport, base_url="http://gateway")
        self._events = 0

    async def _configs(self, names: Sequence[str]) -> Configs:
        return {topic.name: topic.configs for topic in TOPICS}

    async def start(self) -> None:
        """The worker owns all partitions."""
        await ensure_installation(self.store, Installation.of(CATALOG, SHARDS, PARTITIONS))
        await self.worker.own(range(PARTITIONS))

    def event(
        self, primary: str, *others: str, at: int | None = None, sku: str | None = None
    ) -> None:
        """A purchase that names these identities, `namespace:id`, the first one the primary."""
        self._events += 1
        identities: dict[str, list[dict[str, Any]]] = {}
        for name in (primary, *others):
            space, _, id = name.partition(":")
            identities.setdefault(space, []).append({"id": id, "primary": name == primary})
        content = {
            "_id": f"e{self._events}",
            "timestamp": self.logs.now if at is None else at,
            "eventType": "commerce.purchases",
            "identityMap": identities,
            "commerce": {"order": {"purchaseID": "o", "priceTotal": 10.0}},
        }
        if sku is not None:
            content["productListItems"] = [{"SKU": sku, "name": f"the {sku}"}]
        value = encode_events([content])[0]
        self.logs.append(EXPERIENCE_EVENTS.name, Logged(primary.encode(), value, self.logs.now, ()))

    def attributes(self, who: str, **values: str) -> None:
        """A whole record of attributes."""
        space, _, id = who.partition(":")
        record = {
            "timestamp": self.logs.now, "identityMap": {space: [{"id": id}]}, "attributes": values,
        }  # fmt: skip
        value = encode_attributes([record])[0]
        self.logs.append(PROFILE_ATTRIBUTES.name, Logged(who.encode(), value, self.logs.now, ()))

    async def settle(self) -> None:
        """The worker folds everything, also what it told itself.

        After a while of silence ticks move all shards on, which empties their outboxes.
        """
        await self.worker.drain()
        self.logs.now += 31_000
        self.worker.monotonic += 31
        await self.worker.tick()
        await self.worker.drain()

    def last_scores(self) -> dict[str, dict[str, Any] | None]:
        """What the compacted topic of score updates keeps of each key."""
        found: dict[str, dict[str, Any] | None] = {}
        for message in self.logs.outputs["score-updates"]:
            assert message.key is not None
            value = message.value
            found[message.key.decode()] = decode_score_updates([value])[0] if value else None
        return found

    def values(self, keys: Sequence[bytes]) -> list[bytes]:
        """What the store has under these keys."""
        dump = self.store.dump()
        return [_bytes(dump[key]) for key in keys]

    def traces(self, *words: str) -> list[bytes]:
        """Keys of the store in whose name or value one of these words is."""
        wanted = [word.encode() for word in words]
        return [
            key
            for key, value in self.store.dump().items()
            if any(word in key or word in _bytes(value) for word in wanted)
        ]

    async def profile(self, who: str) -> dict[str, Any] | None:
        """What the API answers, None for 404."""
        got = await self.http.get(f"/v1/profiles/{who.replace(':', '/', 1)}")
        assert got.status_code in (200, 404), got.text
        content: dict[str, Any] | None = got.json() if got.status_code == 200 else None
        return content


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else repr(value).encode()


def told(site: Site) -> list[dict[str, Any]]:
    """Every update that was ever announced."""
    values = [m.value for m in site.logs.outputs["score-updates"] if m.value is not None]
    return decode_score_updates(values)


def dumped(content: object) -> str:
    """As text, to look for words in."""
    return json.dumps(content)


__all__ = [
    "HOUR",
    "IMPERSONAL",
    "NOON",
    "PARTITIONS",
    "PARTS",
    "SHARDS",
    "Identity",
    "Site",
    "dumped",
    "told",
]
