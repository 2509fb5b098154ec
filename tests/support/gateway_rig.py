"""A gateway in process: the real application over shards in memory, a log in a list."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from afflux.catalog import Catalog
from afflux.scoring import LinearScorer
from core_cases import CATALOG, linear_scorer
from gateway.app import create_app
from gateway.audience_desk import AudienceDesk
from gateway.composition import build_context
from gateway.containment import Contained
from gateway.cursors import Cursor
from gateway.key_file import KeyFile
from gateway.keys import new_key
from gateway.score_hub import LoggedUpdate, ScoreHub
from gateway.settings import GatewaySettings
from memory_link import MemoryLink
from models.recommending import RECOMMENDING
from profile_store import AsyncProfileStore
from profile_store.installation import Installation, ensure_installation
from profile_store.memory import MemoryShardStore
from store_people import PARTITIONS, SHARDS, describe, fold, link, purchase, view
from streams.errors import BrokerUnavailable
from streams.ports import TP, Message
from streams.privacy.desk import PrivacyDesk
from streams.privacy.holdings import Configs
from streams.topics import TOPICS

LOG = "0a0b0c0d"
SECRET = b"a secret of the tests"


class MemoryScoreLog:
    """A log of one partition a list; `add` also tells the hub."""

    def __init__(self, hub: ScoreHub, partitions: int = 2) -> None:
        self._hub = hub
        self.updates: list[LoggedUpdate] = []
        self._ends = [0] * partitions
        self.away = False

    @property
    def end(self) -> Cursor:
        """Where it ends."""
        return Cursor(LOG, tuple(self._ends))

    def follow(self, hub: ScoreHub) -> None:
        """The hub knows the end from now on."""
        hub.publish([], self.end)

    def add(self, partition: int, **update: Any) -> None:
        """One more update."""
        one = LoggedUpdate(partition, self._ends[partition], score_update(**update))
        self._ends[partition] += 1
        self.updates.append(one)
        self._hub.publish([one], self.end)

    async def replay(
        self, start: Cursor, end: Cursor
    ) -> AsyncGenerator[Sequence[LoggedUpdate], None]:
        """What is between two places."""
        if self.away:
            raise BrokerUnavailable("the log is switched off")
        found = [u for u in self.updates if start.is_before(u.partition, u.offset)]
        yield [u for u in found if not end.is_before(u.partition, u.offset)]

    async def close(self) -> None:
        """Nothing to stop."""


@dataclass
class MemoryDelivery:
    """Keeps what it is given. away: Kafka does not answer."""

    sent: list[Message] = field(default_factory=list)
    away: bool = False

    async def send(self, messages: Sequence[Message]) -> dict[TP, int]:
        """All of them at once."""
        if self.away:
            raise BrokerUnavailable("the broker is switched off")
        self.sent.extend(messages)
        ends: dict[TP, int] = {}
        for sent in self.sent:
            where = sent.topic, sent.partition or 0
            ends[where] = ends.get(where, 0) + 1
        return ends


@dataclass
class Rig:
    """The gateway and what is behind it."""

    app: FastAPI
    shards: MemoryShardStore
    link: MemoryLink
    hub: ScoreHub
    log: MemoryScoreLog
    delivery: MemoryDelivery
    keys: KeyFile

    def client(self, key: str | None = None) -> httpx.AsyncClient:
        """An HTTP client in process."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        transport = httpx.ASGITransport(Contained(self.app))
        return httpx.AsyncClient(transport=transport, base_url="http://gateway", headers=headers)

    async def save(self, name: str, rule: str) -> None:
        """An audience, of which nobody was asked yet."""
        await AudienceDesk(AsyncProfileStore(link=self.link)).save(name, rule, {}, 1)

    def key(self, *scopes: str, namespaces: Sequence[str] = ()) -> str:
        """A new key, as its owner writes it."""
        key, text = new_key("test", scopes, namespaces, 1)
        self.keys.add(key)
        return text


def rig(folder: Path, shards: int = SHARDS, **settings: Any) -> Rig:
    """A gateway without keys, open to everybody, on a store that nobody has set up."""
    store = MemoryShardStore(shards)
    memory = MemoryLink(store)
    limits = GatewaySettings(**settings)
    hub = ScoreHub(limits.queue_updates, limits.max_streams)
    log, delivery, keys = MemoryScoreLog(hub), MemoryDelivery(), KeyFile(folder / "keys.json")
    log.follow(hub)
    reader = AsyncProfileStore(link=memory, scoring=fixed_scoring, recommending=RECOMMENDING)

    async def configs(_: Sequence[str]) -> Configs:
        return {topic.name: topic.configs for topic in TOPICS}

    context = build_context(
        limits,
        keys,
        reader,
        CATALOG.models,
        lambda: delivery,
        hub,
        log,
        PrivacyDesk(reader, lambda: delivery, configs, SECRET),
        open_without_keys=True,
    )
    return Rig(create_app(context), store, memory, hub, log, delivery, keys)


def fixed_scoring(catalog: Catalog, snapshots: Sequence[bytes | None]) -> LinearScorer:
    """The models that these people were scored with, whatever snapshots there are."""
    assert len(snapshots) == len(catalog.models)
    return linear_scorer(catalog)


async def people(shards: MemoryShardStore) -> None:
    """crm:1 is email:ann@example.org too and has attributes; crm:2 has seen a page."""
    await ensure_installation(shards, Installation.of(CATALOG, SHARDS, PARTITIONS))
    await fold(
        shards,
        [purchase(1, 0, "crm:1", 30), view(2, 1, "email:ann@example.org"), view(3, 2, "crm:2")],
    )
    await link(shards, ("crm:1", "email:ann@example.org"), day=1)
    await describe(shards, "crm:1", 1, {"tier": "gold", "household.size": 3})


def score_update(**changes: Any) -> dict[str, Any]:
    """A score update of crm:1, as the log has it."""
    score = {
        "model": "churn", "version": "0" * 16, "value": 0.25, "score": 25, "percentile": 40,
        "bucket": "low", "trusted": True, "factors": [], "previous": None,
    }  # fmt: skip
    return {
        "profileId": "f" * 32, "identity": "crm:1", "identities": ["crm:1"],
        "positionOffset": 1, "positionVersion": 1, "eventId": "e", "eventTime": 1,
        "eventOffset": 0, "scores": [score, {**score, "model": "lifetime_value"}], **changes,
    }  # fmt: skip


def event(id: str = "e-1", **changes: Any) -> dict[str, Any]:
    """An event of crm:1 that breaks no rule."""
    who = {"crm": [{"id": "1", "primary": True}]}
    return {"_id": id, "timestamp": "2026-01-02T10:00:00Z", "identityMap": who, **changes}
