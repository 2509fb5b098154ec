"""Does every shard of a Redis Cluster have a master, and every master its replicas?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from launcher.doctor.finding import Finding, bad, good, note
from profile_store.cluster_nodes import ClusterNode
from profile_store.keys import Keys

_DOCS = "docs/cluster.md"


def check_cluster(
    nodes: Sequence[ClusterNode], shards: int, wait_replicas: int
) -> Iterator[Finding]:
    """Findings about the cluster. wait_replicas: how many replicas a commit waits for."""
    keys = Keys(shards)
    masters = [n for n in nodes if n.slots]
    up = [n for n in masters if not n.failing]
    slots = [keys.slot(shard) for shard in range(shards)]
    lost = [shard for shard, slot in enumerate(slots) if not any(n.serves(slot) for n in up)]
    if lost:
        yield bad(
            "cluster",
            f"{len(lost)} of {shards} shards are in slots that no node serves, such as slot "
            f"{slots[lost[0]]} of shard {lost[0]}",
            f"bring the nodes back that are away ({_away(masters)}), or give their slots away",
        )
        return
    replicas = Counter(n.master for n in nodes if n.master and not n.failing)
    shares = ", ".join(f"{sum(map(n.serves, slots))} at {n.address}" for n in up)
    yield good("cluster", f"{len(up)} masters, {replicas.total()} replicas; shards: {shares}")
    yield from _safety(up, replicas, wait_replicas)
    away = [n for n in nodes if n.failing]
    if away:
        yield note("cluster", f"out of reach: {_away(away)}")
    moving = sum(len(n.moving) for n in up)
    if moving:
        yield note("cluster", f"slots on the move: {moving}; commits of their shards wait")


def _safety(
    masters: Sequence[ClusterNode], replicas: Counter[str], wait_replicas: int
) -> Iterator[Finding]:
    fewest = min(masters, key=lambda n: replicas[n.name])
    there = replicas[fewest.name]
    if there < wait_replicas:
        yield bad(
            "cluster",
            f"{fewest.address} has {there} replicas, AFFLUX_REDIS_WAIT_REPLICAS asks for "
            f"{wait_replicas}: no commit of its shards counts as done",
            f"add replicas, or set AFFLUX_REDIS_WAIT_REPLICAS={there}",
        )
    elif not there:
        yield note(
            "cluster",
            f"{fewest.address} has no replica: its profiles go when it goes ({_DOCS})",
        )


def _away(nodes: Sequence[ClusterNode]) -> str:
    return ", ".join(n.address for n in nodes if n.failing) or "none is known to be away"
