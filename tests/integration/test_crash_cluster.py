"""A worker on a Redis Cluster: masters fail over and die, slots move; nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from crash_checks import check
from crash_cluster import ClusterSite
from crash_nursery import Nursery
from crash_verify import verify
from runtime_broker import Broker
from store_cluster import needs_cluster, six_nodes

pytest_plugins = ["crash_fixtures"]

pytestmark = [needs_cluster, pytest.mark.slow]


@pytest.mark.timeout(240)
def test_a_worker_on_a_cluster_that_changes(
    kafka: Broker, nursery: Nursery, tmp_path: Path
) -> None:
    """One worker all the way: nothing is lost, nothing is there twice, counters are exact."""
    with six_nodes() as cluster, ClusterSite(cluster, kafka, nursery, tmp_path) as site:
        slots = [site.keys.slot(shard) for shard in (0, 5, 10)]
        site.produce_season(300)
        life = site.start()
        site.wait_progress(life, 100)
        for slot in slots:
            cluster.fail_over(cluster.owner(slot))
        site.produce_season(200)
        site.wait_progress(life, site.progress() + 50)
        killed = cluster.owner(slots[1])
        site.produce_season(200)
        cluster.kill(killed)
        site.wait_progress(life, site.progress() + 50)
        cluster.revive(killed)
        site.produce_season(200)
        homes = [cluster.owner(slot) for slot in slots]
        for slot, home in zip(slots, homes, strict=True):
            cluster.move(slot, next(other for other in homes if other != home))
        verified = [verify(site, seed=seed) for seed in range(2)]  # while it folds, and behind
        site.settle(life, 90)
        verified.append(verify(site))
        assert [report.differences for report in verified] == [[], [], []]
        assert verified[-1].checked > 60
        assert verified[-1].unsettled == 0
        assert "Traceback" not in life.log, life.log
        assert "Redis at" in life.log, "the killed master was noticed"
        life.stop()
        site.finish()
        assert check(site).examples > 50
