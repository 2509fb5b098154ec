"""A Redis Cluster of three masters and three replicas, and what happens to it in its life."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from time import monotonic, sleep
from typing import Any

import pytest
import redis

from profile_store.cluster_nodes import read_nodes
from store_redis import (
    RedisProcess,
    free_port,
    redis_binary,
    redis_cluster,
    redis_version,
    settled,
)

MASTERS = 3


class Cluster:
    """Six nodes on loopback; node i + 3 begins as the replica of node i."""

    def __init__(self, nodes: list[RedisProcess]) -> None:
        self.nodes = nodes
        self.clients: list[redis.Redis] = [redis.Redis(port=node.port) for node in nodes]
        self.names = [self.ask(n, "CLUSTER", "MYID").decode() for n in range(len(nodes))]

    @property
    def url(self) -> str:
        """Of the first node."""
        return self.nodes[0].url

    def ask(self, node: int, *command: Any) -> Any:
        """The reply of one node."""
        client: Any = self.clients[node]
        return client.execute_command(*command)

    def owner(self, slot: int) -> int:
        """The node that serves a slot, as the first one that is up has it."""
        up = next(n for n, node in enumerate(self.nodes) if node.running)
        for first, last, master, *_ in self.ask(up, "CLUSTER", "SLOTS"):
            if first <= slot <= last:
                return self.names.index(bytes(master[2]).decode())
        raise AssertionError(f"nobody serves slot {slot}")

    def replica_of(self, master: int) -> int:
        """A node that follows this one."""
        for n, node in enumerate(self.nodes):
            if node.running and n != master and self._master_of(n) == master:
                return n
        raise AssertionError(f"node {master} has no replica")

    def _master_of(self, node: int) -> int | None:
        about: Any = self.clients[node].info("replication")
        ports = [n.port for n in self.nodes]
        return ports.index(int(about["master_port"])) if about["role"] == "slave" else None

    def fail_over(self, master: int) -> int:
        """By hand: its replica takes over, nothing is lost. The new master."""
        replica = self.replica_of(master)
        self.wait_until(lambda: self._follows(replica), "the replica does not follow")
        self.ask(replica, "CLUSTER", "FAILOVER")
        self.wait_until(lambda: self._leads(replica), "the replica does not take over")
        self.wait_until(lambda: self._follows(master), "the old master does not follow")
        return replica

    def kill(self, master: int) -> int:
        """SIGKILL; its replica takes over by itself. The new master."""
        replica = self.replica_of(master)
        self.wait_until(lambda: self._follows(replica), "the replica does not follow")
        self.nodes[master].stop()
        self.wait_until(lambda: self._leads(replica), "the replica does not take over")
        return replica

    def revive(self, node: int) -> None:
        """A killed node starts again, empty, and follows the one that took over."""
        self.nodes[node].start()
        self.wait_until(lambda: self._follows(node), "the node does not come back")

    def _known(self, replica: int) -> bool:
        """Whether everybody has heard whose replica it is: a master ignores others."""
        master = self._master_of(replica)
        return master is not None and all(
            any(self.names[replica].encode() in line for line in self._replicas(n, master))
            for n, node in enumerate(self.nodes)
            if node.running
        )

    def _replicas(self, asked: int, master: int) -> list[bytes]:
        found = self.ask(asked, "CLUSTER", "REPLICAS", self.names[master])
        return [str(line).encode() for line in (found if isinstance(found, list) else [found])]

    def _leads(self, node: int) -> bool:
        """Whether everybody has heard that it is a master with slots, and finds the rest well."""
        return all(
            self.healthy(n)
            and any(
                one.name == self.names[node] and "master" in one.flags and one.slots
                for one in read_nodes(self.ask(n, "CLUSTER", "NODES"))
            )
            for n, other in enumerate(self.nodes)
            if other.running
        )

    def _follows(self, node: int) -> bool:
        about: Any = self.clients[node].info("replication")
        return (
            about["role"] == "slave" and about["master_link_status"] == "up" and self._known(node)
        )

    def healthy(self, node: int) -> bool:
        """Whether a node finds that all slots are served."""
        return settled(self.ask(node, "CLUSTER", "INFO"), MASTERS)

    def begin_move(self, slot: int, target: int) -> int:
        """A slot is to go to another master. Its owner."""
        source = self.owner(slot)
        self.ask(target, "CLUSTER", "SETSLOT", slot, "IMPORTING", self.names[source])
        self.ask(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", self.names[target])
        return source

    def move_keys(self, slot: int, source: int, target: int, most: int = 1_000_000) -> int:
        """Move some keys; how many it were."""
        keys = self.ask(source, "CLUSTER", "GETKEYSINSLOT", slot, most)
        port = self.nodes[target].port
        for key in keys:
            self.ask(source, "MIGRATE", "127.0.0.1", port, key, 0, 5000)
        return len(keys)

    def end_move(self, slot: int, source: int, target: int) -> None:
        """What is left is moved, and all nodes are told."""
        while self.move_keys(slot, source, target):
            pass
        for node in (target, source):
            self.ask(node, "CLUSTER", "SETSLOT", slot, "NODE", self.names[target])

    def move(self, slot: int, target: int) -> None:
        """All of a slot."""
        source = self.begin_move(slot, target)
        self.end_move(slot, source, target)

    def wait_until(self, holds: Any, otherwise: str, seconds: float = 30) -> None:
        """Until it holds; nodes that are away or starting are asked again."""
        limit = monotonic() + seconds
        while True:
            with contextlib.suppress(redis.ConnectionError, redis.ResponseError):
                if holds():
                    return
            if monotonic() > limit:
                raise AssertionError(otherwise)
            sleep(0.02)

    def masters(self) -> list[redis.Redis]:
        """Clients of the nodes that serve slots now."""
        owners = {self.owner(slot) for slot in range(0, 16384, 64)}
        return [self.clients[n] for n in sorted(owners)]

    def dump(self) -> Iterator[tuple[redis.Redis, bytes]]:
        """Every key, with the client of the node that has it."""
        for client in self.masters():
            for key in client.scan_iter(count=1000):
                yield client, key

    def close(self) -> None:
        """Drop our connections."""
        for client in self.clients:
            client.close()


@contextlib.contextmanager
def six_nodes(node_timeout_ms: int = 1500) -> Iterator[Cluster]:
    """A cluster that is complete: all slots served, every replica follows its master."""
    options = [
        "--cluster-enabled", "yes", "--cluster-node-timeout", str(node_timeout_ms),
        "--cluster-replica-validity-factor", "0", "--repl-diskless-load", "swapdb",
    ]  # fmt: skip
    with contextlib.ExitStack() as stack:
        nodes = [
            stack.enter_context(RedisProcess(*options, port=free_port(below=55000)))
            for _ in range(2 * MASTERS)
        ]
        cluster = Cluster(nodes)
        stack.callback(cluster.close)
        for n in range(MASTERS):
            first, last = n * 16384 // MASTERS, (n + 1) * 16384 // MASTERS - 1
            cluster.ask(n, "CLUSTER", "ADDSLOTS", *range(first, last + 1))
            cluster.ask(n, "CLUSTER", "SET-CONFIG-EPOCH", n + 1)
        for n in range(1, len(nodes)):
            cluster.ask(n, "CLUSTER", "MEET", "127.0.0.1", nodes[0].port)
        everybody = range(len(nodes))
        cluster.wait_until(
            lambda: all(
                cluster.healthy(n) and b"cluster_known_nodes:6" in _info(cluster, n)
                for n in everybody
            ),
            "the cluster does not form",
        )
        for n in range(MASTERS):
            cluster.ask(n + MASTERS, "CLUSTER", "REPLICATE", cluster.names[n])
        cluster.wait_until(
            lambda: all(cluster._follows(n + MASTERS) for n in range(MASTERS)),
            "the replicas do not follow",
        )
        yield cluster


def _info(cluster: Cluster, node: int) -> bytes:
    found = cluster.ask(node, "CLUSTER", "INFO")
    if isinstance(found, dict):
        return b" ".join(f"{k}:{v}".encode() for k, v in found.items())
    return bytes(found)


def without_cluster() -> str:
    """Why there can be no such cluster on this machine; "" where there can."""
    if shutil.which("redis-server") is None:
        return "no redis-server on PATH: a cluster with failovers is tested with Redis 7 or newer"
    if redis_version() < (7, 0):
        return f"{redis_binary()} is older than Redis 7"
    return ""


@contextlib.contextmanager
def masters() -> Iterator[list[RedisProcess]]:
    """The masters of six nodes; without replicas where Redis is older than 7."""
    if without_cluster():
        with redis_cluster() as nodes:
            yield nodes
        return
    with six_nodes() as cluster:
        yield cluster.nodes[:MASTERS]


needs_cluster = pytest.mark.skipif(bool(without_cluster()), reason=without_cluster())
"""For tests that run on six nodes."""
