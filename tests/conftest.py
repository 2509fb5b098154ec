"""Servers for the tests. They start at their first use, once in each process that runs tests.

    kafka            a Broker: real Apache Kafka; where no JDK or Maven exists, the embedded one
    embedded_broker  a Broker: the embedded one (Tansu)
    brokers          a Broker, the test runs once on each kind
    redis_url        URL of a Redis database of its own, empty

Brokers are shared by the tests of a process: take topic and group names from `Broker.unique()`. A
test that stops or restarts a server starts its own with `launcher.kafka.KafkaServer`,
`launcher.embedded.EmbeddedBroker` or `launcher.redis_server.RedisServer` as context managers.
Tests that use these fixtures get the markers `kafka`, `embedded`, `redis` by themselves.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

from runtime_broker import Broker
from runtime_servers import Servers

_SERVERS = pytest.StashKey[Servers]()

# `make test` tries the same cases every time, so a failure is that of a change; `make fuzz` others.
settings.register_profile("steady", derandomize=True)
settings.register_profile("random", derandomize=False)
settings.load_profile(os.environ.get("AFFLUX_HYPOTHESIS", "steady"))

_MARKERS = {
    "kafka": "runs on a real Apache Kafka where there is a JDK",
    "embedded": "runs on the embedded broker",
    "redis": "runs on a Redis server",
}


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers; let Java compile fast instead of well.

    A broker of the tests lives for seconds: what its second compiler takes, it never gives back.
    """
    os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1")
    for name, meaning in _MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")
    config.stash[_SERVERS] = Servers()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by the servers that they use, so that `-m "not kafka"` works."""
    for item in items:
        names = set(getattr(item, "fixturenames", ()))
        if "brokers" in names:
            names.add(item.callspec.params["brokers"])  # type: ignore[attr-defined]
        for fixture, marker in (
            ("kafka", "kafka"),
            ("embedded_broker", "embedded"),
            ("embedded", "embedded"),
            ("redis_url", "redis"),
        ):
            if fixture in names:
                item.add_marker(marker)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker process tells the one that prints the summary what its tests ran on."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["servers"] = session.config.stash[_SERVERS].note()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Hear that; a worker that crashed says nothing."""
    note = getattr(node, "workeroutput", {}).get("servers")
    if note:
        node.config.stash[_SERVERS].add(note)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what the tests ran on."""
    line = terminalreporter.config.stash[_SERVERS].report()
    if line:
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def _servers(request: pytest.FixtureRequest) -> Iterator[Servers]:
    servers = request.config.stash[_SERVERS]
    yield servers
    servers.close()


@pytest.fixture
def kafka(_servers: Servers) -> Broker:
    """A real Apache Kafka; where there is no JDK or Maven, the embedded broker."""
    return _servers.kafka()


@pytest.fixture
def embedded_broker(_servers: Servers) -> Broker:
    """The embedded broker."""
    return _servers.embedded()


@pytest.fixture(params=["embedded", "kafka"])
def brokers(request: pytest.FixtureRequest, _servers: Servers) -> Broker:
    """Both kinds of broker, one after the other."""
    if request.param == "embedded":
        return _servers.embedded()
    missing = _servers.kafka_missing_because()
    if missing:
        pytest.skip(missing)
    return _servers.kafka()


@pytest.fixture
def redis_url(_servers: Servers) -> str:
    """URL of an empty Redis database that no other test uses."""
    return _servers.redis()
