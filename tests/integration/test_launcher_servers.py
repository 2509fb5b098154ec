"""The servers that the launcher starts: they answer, they hold data, they leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import redis

from launcher.embedded import EmbeddedBroker
from launcher.errors import MissingProgram, StartFailed
from launcher.kafka import KafkaServer, new_cluster_id
from launcher.ports import kafka_answers, redis_answers
from launcher.redis_server import RedisServer
from runtime_broker import Broker
from streams.admin import Admin
from streams.bulk import BulkProducer
from streams.consume import TopicReader
from streams.settings import StreamSettings
from streams.topics import Topic

pytestmark = [pytest.mark.embedded, pytest.mark.redis]


def _gone(pid: int, seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def _admin(bootstrap: str) -> Admin:
    return Admin(_settings(bootstrap), timeout=20)


def _settings(bootstrap: str) -> StreamSettings:
    return StreamSettings.model_validate({"brokers": bootstrap})


def _topic(name: str) -> Topic:
    return Topic(name, "", (), "delete", "", "")


def test_a_record_can_be_produced(brokers: Broker) -> None:
    """Both brokers take a topic and a record, and give it back."""
    settings, name = _settings(brokers.bootstrap), Broker.unique()
    _admin(brokers.bootstrap).create(2, [_topic(name)])
    producer = BulkProducer(settings)
    producer.produce(name, b"k", b"v")
    assert producer.flush(20) == 0
    with TopicReader(settings, [name]) as reader:
        records = [(r.key, r.value, r.offset) for r in reader.to_end()]
    assert records == [(b"k", b"v", 0)]


def test_each_test_gets_an_empty_database(redis_url: str) -> None:
    """The fixture's database has no keys, and evicts none."""
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_kafka_keeps_its_log_in_a_data_folder(kafka: Broker, tmp_path: Path) -> None:
    """A kept folder comes back with the same cluster id and topics; a stop is clean."""
    if kafka.kind != "kafka":
        pytest.skip("no real Kafka here")
    run = new_cluster_id()
    with KafkaServer(tmp_path, run_id=run) as first:
        assert _admin(first.bootstrap).create(1, [_topic("kept")]) == ["kept"]
        pid = first.pid
    assert _gone(pid)
    with KafkaServer(tmp_path) as second:
        admin = _admin(second.bootstrap)
        assert "kept" in admin.describe(["kept"])
        assert admin.cluster_id() == run


def test_redis_keeps_its_rows_in_a_data_folder(tmp_path: Path) -> None:
    """`persist="append"` brings the keys back after a stop."""
    with RedisServer(tmp_path, persist="append") as server, redis.Redis.from_url(server.url) as c:
        c.set("k", "v")
    with RedisServer(tmp_path, persist="append") as server, redis.Redis.from_url(server.url) as c:
        assert c.get("k") == b"v"


async def test_servers_start_in_an_event_loop() -> None:
    """`async with` gives a running server, and ends it."""
    async with EmbeddedBroker() as broker, RedisServer() as server:
        assert kafka_answers(broker.port)
        assert redis_answers(server.port)
        pids, folders = (broker.pid, server.pid), (broker.folder, server.folder)
    assert all(map(_gone, pids))
    assert not any(folder.exists() for folder in folders)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel ties children to us on Linux")
def test_servers_die_with_a_killed_parent(tmp_path: Path) -> None:
    """SIGKILL of the parent leaves no server behind."""
    code = (
        "import time\n"
        "from launcher.embedded import EmbeddedBroker\n"
        "from launcher.redis_server import RedisServer\n"
        "with EmbeddedBroker() as b, RedisServer() as r:\n"
        "    print(b.pid, r.pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    # Nobody is left to remove its temporary folders.
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    argv = [sys.executable, "-c", code]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=env) as p:
        assert p.stdout is not None
        pids = [int(x) for x in p.stdout.readline().split()]
        os.kill(p.pid, signal.SIGKILL)
    assert len(pids) == 2
    assert all(map(_gone, pids))


def test_without_java_the_message_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """No JDK gives a MissingProgram with a hint, and no folder is left."""
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    server = KafkaServer()
    with pytest.raises(MissingProgram, match="Java") as caught:
        server.start()
    assert "\n" not in caught.value.message
    assert "--kafka" in caught.value.hint
    assert not server.folder.exists()


def test_without_maven_the_message_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without Maven and with an empty cache the message says what is missing."""
    java = tmp_path / "java"
    java.write_text("")
    java.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("AFFLUX_CACHE_DIR", str(tmp_path / "cache"))
    with pytest.raises(MissingProgram, match="Maven") as caught:
        KafkaServer().start()
    assert "\n" not in caught.value.message


def test_a_taken_port_is_named() -> None:
    """A wanted port that is taken gives StartFailed, and nothing is started."""
    with RedisServer() as first:
        second = RedisServer(port=first.port)
        with pytest.raises(StartFailed, match=f"port {first.port} is in use"):
            second.start()
    assert not second.running


def test_a_server_that_ends_at_once_tells_why(tmp_path: Path) -> None:
    """StartFailed carries the server's own last words."""
    (tmp_path / "dump.rdb").write_bytes(b"not a dump")
    server = RedisServer(tmp_path, persist="snapshot")
    with pytest.raises(StartFailed, match="Wrong signature") as caught:
        server.start()
    assert "redis.log" in caught.value.hint
    assert not server.running
