"""What `afflux doctor` makes of the nodes of a Redis Cluster, without one."""

from __future__ import annotations

import pytest

from launcher.doctor.cluster import check_cluster
from launcher.doctor.finding import Finding
from profile_store.cluster_nodes import read_nodes

GOOD = """\
a h:1@2 myself,master - 0 0 1 connected 0-5460
b h:2@3 master - 0 0 2 connected 5461-10922
c h:3@4 master - 0 0 3 connected 10923-16383
d h:4@5 slave a 0 0 1 connected
e h:5@6 slave b 0 0 2 connected
f h:6@7 slave c 0 0 3 connected
"""


def _found(text: str, wait_replicas: int = 0) -> list[Finding]:
    return list(check_cluster(read_nodes(text), 64, wait_replicas))


def test_a_complete_cluster_is_one_good_finding() -> None:
    """Nodes are counted, and how many shards each master has is told."""
    (finding,) = _found(GOOD, wait_replicas=1)
    assert finding.state == "good"
    assert "3 masters, 3 replicas; shards: 22 at h:1, 21 at h:2, 21 at h:3" in finding.message


@pytest.mark.parametrize(
    ("before", "after", "wait", "state", "message"),
    [
        ("b h:2@3 master -", "b h:2@3 master,fail -", 0, "bad", "21 of 64 shards are in slots"),
        (" 5461-10922", "", 0, "bad", "that no node serves"),
        ("", "", 2, "bad", "h:1 has 1 replicas, AFFLUX_REDIS_WAIT_REPLICAS asks for 2"),
        ("f h:6@7 slave c", "f h:6@7 slave,fail c", 1, "bad", "h:3 has 0 replicas"),
        ("f h:6@7 slave c", "f h:6@7 slave b", 0, "note", "h:3 has no replica"),
        ("f h:6@7 slave c", "f h:6@7 slave,fail c", 0, "note", "out of reach: h:6"),
        ("0-5460", "0-5460 [7->-b] [9->-b]", 0, "note", "slots on the move: 2"),
    ],
)
def test_what_is_wrong_is_named(
    before: str, after: str, wait: int, state: str, message: str
) -> None:
    """Slots without a master, too few replicas for the settings, nodes that are away, moves."""
    found = [f for f in _found(GOOD.replace(before, after), wait) if message in f.message]
    assert [f.state for f in found] == [state]
    assert state == "note" or found[0].hint


def test_a_master_whose_slots_were_taken_over_is_only_noted() -> None:
    """After a failover all shards are served; the node that died is named."""
    text = GOOD.replace(
        "myself,master - 0 0 1 connected 0-5460", "master,fail - 0 0 1 disconnected"
    )
    text = text.replace("slave a 0 0 1 connected", "myself,master - 0 0 4 connected 0-5460")
    found = _found(text)
    assert [f.state for f in found] == ["good", "note", "note"]
    assert "out of reach: h:1" in found[-1].message
