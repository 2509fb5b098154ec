"""Audience clusters and forecasts over HTTP."""

from __future__ import annotations

import httpx
import numpy as np

from afflux.catalog import Catalog
from afflux.columns import Kind
from afflux.position import Position, TopicPosition, Watermark
from afflux.volumes import Volume
from gateway_rig import Rig
from models import cluster_log, default_models
from models.cluster_log import CLUSTERS, ClusterLog
from models.envelope import version_name, version_of
from profile_store.contract import Commit

pytest_plugins = ["gateway_fixtures"]

FIRST = 17_000


async def test_clusters_are_those_of_the_current_snapshot(
    gateway: Rig, http: httpx.AsyncClient
) -> None:
    """None before there is a snapshot; then its version; a damaged one is 503."""
    assert (await http.get("/v1/clusters")).json()["version"] is None
    log = ClusterLog(default_models(), Catalog(default_models()).features)
    data = cluster_log.encode(log.snapshot(5, b"t" * 16))
    version = version_name(version_of(data))
    await gateway.shards.put_snapshot(CLUSTERS, version, data)
    found = (await http.get("/v1/clusters")).json()
    assert (found["version"], found["openings"], found["clusters"]) == (version, 0, [])
    await gateway.shards.put_snapshot(CLUSTERS, "0" * 16, b"junk")
    assert (await http.get("/v1/clusters")).status_code == 503


async def test_forecasts_are_of_what_was_committed(gateway: Rig, http: httpx.AsyncClient) -> None:
    """Days of several commits and of late events add up; open days are no part of it."""
    assert (await http.get("/v1/forecasts")).json()["forecasts"] == []
    stored = b""
    for at in range(30):
        w = (FIRST + at) * 86_400_000
        topic = TopicPosition(b"t" * 16, at, Watermark(w))
        position = Position(1, (topic, topic), at + 1).encode()
        volumes = [
            Volume(FIRST + at, int(Kind.PURCHASE), 10 + at % 7, 50_000),
            Volume(FIRST + max(at - 1, 0), int(Kind.PURCHASE), 1, 0),
        ]
        (result,) = await gateway.shards.commit(
            [Commit(gateway.shards.keys.shards - 1, stored[:24], position, b"", volumes=volumes)]
        )
        assert result.landed
        stored = position
    found = (await http.get("/v1/forecasts", params={"segment": "purchase"})).json()
    assert found["closed_until"] == str(np.datetime64(FIRST + 27, "D"))
    (one,) = found["forecasts"]
    assert one["last"]["value"] == 10 + 27 % 7 + 1
    assert len(one["ahead"]) == 7
    assert (await http.get("/v1/forecasts", params={"segment": "none"})).json()["forecasts"] == []
