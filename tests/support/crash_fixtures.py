"""Fixtures of the crash tests: `pytest_plugins = ["crash_fixtures"]`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from crash_nursery import Nursery
from crash_site import Site
from runtime_broker import Broker


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Starts workers quickly."""
    with Nursery() as started:
        yield started


@pytest.fixture
def site(
    kafka: Broker, nursery: Nursery, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Site]:
    """Empty topics on a real Kafka, and an empty Redis; seed: the test's own `seed`, or 0."""
    with Site(kafka, nursery, tmp_path, _seed(request)) as made:
        yield made


@pytest.fixture
def embedded_site(embedded_broker: Broker, nursery: Nursery, tmp_path: Path) -> Iterator[Site]:
    """The same on an embedded broker."""
    with Site(embedded_broker, nursery, tmp_path) as made:
        yield made


def _seed(request: pytest.FixtureRequest) -> int:
    callspec = getattr(request.node, "callspec", None)
    return int(callspec.params.get("seed", 0)) if callspec is not None else 0
