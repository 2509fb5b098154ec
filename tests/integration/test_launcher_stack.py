"""The stack of a data folder: one run id for broker and Redis, kept data, no second one."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
import redis

from launcher.errors import LauncherError
from launcher.kafka import new_cluster_id
from launcher.stack import Stack, control_secret, find_running
from runtime_broker import Broker
from streams.admin import Admin
from streams.settings import StreamSettings
from streams.topics import INPUT_TOPICS


def _admin(stack: Stack) -> Admin:
    return Admin(StreamSettings.model_validate({"brokers": stack.running.bootstrap}))


@pytest.mark.embedded
def test_an_embedded_stack_begins_anew_each_time(tmp_path: Path) -> None:
    """Another run is another cluster with an empty Redis: no position outlives its log."""
    clusters, topic_ids = [], []
    for _ in range(2):
        with Stack(tmp_path) as stack, redis.Redis.from_url(stack.running.redis_url) as client:
            admin = _admin(stack)
            admin.create(2)
            clusters.append(admin.cluster_id())
            name = INPUT_TOPICS[0].name
            topic_ids.append(admin.describe([name])[name].topic_id)
            assert client.dbsize() == 0
            client.set("k", "v")
            assert find_running(tmp_path) == stack.running
        assert find_running(tmp_path) is None
    assert clusters[0] != clusters[1]
    assert topic_ids[0] != topic_ids[1]


def test_a_kafka_stack_keeps_both_halves(kafka: Broker, tmp_path: Path) -> None:
    """Log and rows come back under the same run id; a half of another run is refused."""
    if kafka.kind != "kafka":
        pytest.skip("no real Kafka here")
    with Stack(tmp_path, "kafka", keep_data=True) as stack:
        _admin(stack).create(2)
        first = _admin(stack).describe([t.name for t in INPUT_TOPICS])
        with redis.Redis.from_url(stack.running.redis_url) as client:
            client.set("k", "v")
    with Stack(tmp_path, "kafka", keep_data=True) as stack:
        assert _admin(stack).describe([t.name for t in INPUT_TOPICS]) == first
        with redis.Redis.from_url(stack.running.redis_url) as client:
            assert client.get("k") == b"v"
    (tmp_path / "redis" / "run-id").write_text(new_cluster_id())
    with pytest.raises(LauncherError, match="come from different runs") as caught:
        Stack(tmp_path, "kafka", keep_data=True).start()
    assert "backup" in caught.value.hint
    assert find_running(tmp_path) is None


@pytest.mark.embedded
def test_a_second_stack_of_a_folder_is_refused(tmp_path: Path) -> None:
    """The first goes on undisturbed."""
    with Stack(tmp_path) as stack:
        with pytest.raises(LauncherError, match="already runs"):
            Stack(tmp_path).start()
        assert find_running(tmp_path) == stack.running
        assert json.loads((tmp_path / "run.json").read_text())["pid"] == os.getpid()


def test_the_secret_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    """256 random bits, mode 600, the same at every start; none is made by looking."""
    assert control_secret(tmp_path) == ""
    made = control_secret(tmp_path, create=True)
    assert len(made) == 64
    assert control_secret(tmp_path, create=True) == control_secret(tmp_path) == made
    mode = stat.S_IMODE((tmp_path / "control-secret").stat().st_mode)
    assert mode == 0o600
