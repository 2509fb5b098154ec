"""One worker with declared data sets over a store in memory, and its readers."""

from __future__ import annotations

import json
from collections.abc import Callable

from afflux.names import Identity
from afflux.outcome import Control
from afflux.position import Position
from core_cases import CATALOG
from enrich_rig import SECRET, START, Logged, Logs, Worker
from memory_link import MemoryLink
from profile_store import AsyncProfileStore
from profile_store.dataset_definitions import Datasets
from profile_store.dataset_store import DatasetShelf
from profile_store.installation import Installation, ensure_installation
from profile_store.memory import MemoryShardStore
from streams.control_codec import encode_control
from streams.control_signing import SIGNATURE, sign
from streams.dataset_source import DeclaredDatasets
from streams.encoding import encode_attributes, encode_events, encode_patches

SHARDS = 4


class DatasetSite:
    """One worker, one store, one partition."""

    def __init__(self) -> None:
        self.store = MemoryShardStore(SHARDS)
        self.shelf = DatasetShelf(MemoryLink(self.store))
        self.logs = Logs(1)
        self.source = DeclaredDatasets(self.shelf)
        self.worker = Worker(self.store, self.logs, SHARDS, "w", datasets=self.source)
        self.reader = AsyncProfileStore(link=MemoryLink(self.store))

    async def declare(self, change: Callable[[Datasets], Datasets]) -> Datasets:
        """What a function makes of the declarations is stored, and seen by the worker."""
        found = await self.shelf.datasets()
        after = change(Datasets.decode(found))
        assert await self.shelf.swap_datasets(found, after.encode())
        await self.source.refresh()
        self.logs.more = [one.topic for one in after.by_number if not one.built_in]
        self.reader = AsyncProfileStore(link=MemoryLink(self.store))
        return after

    async def start(self) -> None:
        """The worker owns the partition."""
        await ensure_installation(self.store, Installation.of(CATALOG, SHARDS, 1))
        await self.worker.own([0])

    async def again(self) -> None:
        """Another consumer, with the topics of now."""
        await self.worker.plane.revoked([0])
        await self.worker.own([0])

    def record(self, topic: str, who: str, at: int, **values: str | int) -> None:
        """A whole record of attributes."""
        space, _, id = who.partition(":")
        row = {"timestamp": START + at, "identityMap": {space: [{"id": id}]}, "attributes": values}
        value = encode_attributes([row])[0]
        self.logs.append(topic, Logged(who.encode(), value, START + at))

    def patch(self, who: str, at: int, *remove: str, **upsert: str | int) -> None:
        """A change of some attributes."""
        space, _, id = who.partition(":")
        row = {
            "timestamp": START + at, "identityMap": {space: [{"id": id}]}, "upsert": upsert,
            "remove": list(remove),
        }  # fmt: skip
        logged = Logged(who.encode(), encode_patches([row])[0], START + at)
        self.logs.append("profile-attribute-patches", logged)

    def event(self, who: str, at: int, *others: str, amount: float = 10.0) -> None:
        """A purchase; with others it links them."""
        identities: dict[str, list[dict[str, object]]] = {}
        for name in (who, *others):
            space, _, id = name.partition(":")
            identities.setdefault(space, []).append({"id": id, "primary": name == who})
        row = {
            "_id": f"{who}-{at}", "timestamp": START + at, "eventType": "commerce.purchases",
            "identityMap": identities,
            "commerce": {"order": {"purchaseID": "o", "priceTotal": amount}},
        }  # fmt: skip
        value = encode_events([row])[0]
        self.logs.append("experience-events", Logged(who.encode(), value, START + at))

    def delete(self, who: str, at: int) -> None:
        """Somebody asks to be forgotten."""
        identity, moment = Identity(who.encode()), START + at
        value = encode_control(Control("delete", -1, moment, moment, identity, 0, None, "ask"))
        signature = sign(SECRET, "experience-events", 0, identity, value)
        logged = Logged(identity, value, moment, ((SIGNATURE, signature),))
        self.logs.append("experience-events", logged)

    async def positions(self) -> dict[int, Position]:
        """Of all shards."""
        found = await self.store.positions(range(SHARDS))
        return {s: Position.decode(data) for s, data in enumerate(found) if data}

    def rows(self, dataset: str) -> dict[bytes, dict[str, object]]:
        """Stored attributes of a data set, by key."""
        end = b":" + dataset.encode()
        return {
            key: json.loads(value)
            for key, value in self.store.data.items()
            if key[:2] == b"a:" and key.endswith(end) and isinstance(value, bytes)
        }
