"""Is Redis there, set up for this installation, and do its positions belong to these logs?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from afflux.position import Position, PositionError
from afflux.shards import shards_for
from launcher.doctor.cluster import check_cluster
from launcher.doctor.finding import Finding, bad, good, note
from profile_store.dataset_definitions import Datasets
from profile_store.errors import StoreError
from profile_store.installation import read_installation
from profile_store.options import RedisOptions
from profile_store.redis_store import RedisShardStore
from streams.ports import TP, LogRange

BUILT_IN = Datasets()
_ANEW = "point workers to the broker of this store, or empty the store and fold the log again"


async def check_store(
    options: RedisOptions,
    partitions: int,
    logs: Mapping[TP, LogRange],
    datasets: Datasets = BUILT_IN,
) -> list[Finding]:
    """Findings about Redis. logs: of the input topics; empty where Kafka is away."""
    where = str(options.address())
    store = RedisShardStore(options, shards_for(partitions))
    cluster: list[Finding] = []
    try:
        installation = await read_installation(store)
        if installation is None:
            return [good("redis", where), note("profiles", "none yet: no worker has run on it")]
        if installation.partitions != partitions:
            return [
                good("redis", where),
                bad(
                    "profiles",
                    f"set up for {installation.partitions} partitions, "
                    f"AFFLUX_PARTITIONS says {partitions}",
                    f"set AFFLUX_PARTITIONS={installation.partitions}",
                ),
            ]
        nodes = await store.cluster_nodes()
        if nodes:
            cluster = list(check_cluster(nodes, installation.shards, options.durability.replicas))
            if any(finding.state == "bad" for finding in cluster):
                return [good("redis", where), *cluster]
        positions = await store.positions(range(installation.shards))
    except StoreError as error:
        return [bad("redis", str(error), "is AFFLUX_REDIS_URL right, and the server up?")]
    finally:
        await store.close()
    checked = check_positions(positions, logs, partitions, datasets)
    return [good("redis", where), *cluster, *checked]


def check_positions(
    positions: Sequence[bytes],
    logs: Mapping[TP, LogRange],
    partitions: int,
    datasets: Datasets = BUILT_IN,
) -> list[Finding]:
    """Findings about the positions of all shards, in the order of the shards."""
    found, behind = [], 0
    lag: dict[TP, int] = {}
    for shard, data in enumerate(positions):
        if not data:
            continue
        try:
            position = Position.decode(data)
        except PositionError as error:
            found.append(bad("profiles", f"shard {shard}: {error}", "restore it from a backup"))
            continue
        for one in datasets.by_number:
            tp = (one.topic, shard % partitions)
            log, at = logs.get(tp), position.at(one.number)
            if log is None or at is None:
                continue
            where = f"shard {shard} at offset {at.offset} of {one.topic}[{tp[1]}]"
            if at.topic_id != log.topic_id:
                found.append(bad("profiles", f"{where}: that is another topic's log", _ANEW))
            elif not log.start <= at.offset <= log.end:
                there = f"the log has {log.start} to {log.end}"
                found.append(bad("profiles", f"{where}, but {there}", _ANEW))
            lag[tp] = max(lag.get(tp, 0), log.end - at.offset)
    if found:
        more = len(found) - 1
        return [found[0]] + ([note("profiles", f"and {more} more like it")] if more else [])
    behind = sum(lag.values())
    fresh = sum(not data for data in positions)
    said = f"{len(positions)} shards"
    if fresh:
        return [note("profiles", f"{said}, {fresh} of them not begun yet: is a worker running?")]
    if logs and behind:
        return [note("profiles", f"{said}, {behind:,} records behind: is a worker running?")]
    return [good("profiles", f"{said}, every record of the logs is folded" if logs else said)]
