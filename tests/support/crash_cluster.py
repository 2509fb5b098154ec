"""Where workers run on a Redis Cluster that changes under them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from afflux.position import Position
from core_cases import CATALOG
from crash_nursery import Nursery
from crash_site import PARTITIONS, SHARDS, Site
from profile_store.installation import Installation
from profile_store.keys import INSTALLATION, INSTALLATION_SLOT
from profile_store.options import RedisOptions
from runtime_broker import Broker
from store_cluster import Cluster


class ClusterSite(Site):
    """As a site; its Redis is a cluster that the test has started."""

    def __init__(self, cluster: Cluster, broker: Broker, nursery: Nursery, folder: Path) -> None:
        super().__init__(broker, nursery, folder)
        self.cluster = cluster

    @property
    def where(self) -> RedisOptions:
        """Two nodes of the cluster."""
        ports = [node.port for node in self.cluster.nodes[:2]]
        url = "redis://" + ",".join(f"127.0.0.1:{port}" for port in ports)
        return RedisOptions(url, cluster=True)

    def start_redis(self) -> None:
        """It runs."""

    def connect(self) -> None:
        """The record that says what is stored there."""
        record = Installation.of(CATALOG, SHARDS, PARTITIONS).encode()
        self.client = self.cluster.clients[self.cluster.owner(INSTALLATION_SLOT)]
        self.client.set(INSTALLATION, record)

    def positions(self) -> list[Position | None]:
        """Of all shards, asked again while a slot is moving or a master is away."""
        return [self._position(shard) for shard in range(SHARDS)]

    def _position(self, shard: int) -> Position | None:
        found: list[Any] = []

        def asked() -> bool:
            owner = self.cluster.clients[self.cluster.owner(self.keys.slot(shard))]
            found.append(owner.get(self.keys.position(shard)))
            return True

        self.cluster.wait_until(asked, f"shard {shard} cannot be read")
        return None if found[-1] is None else Position.decode(found[-1])

    def all_keys(self) -> Iterator[tuple[Any, bytes]]:
        """Every key of every master."""
        return self.cluster.dump()
