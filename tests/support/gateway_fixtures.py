"""Fixtures of the gateway's tests: a gateway in process, with people in it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from gateway_rig import Rig, people, rig


@pytest.fixture
async def gateway(tmp_path: Path) -> Rig:
    """A gateway without keys."""
    made = rig(tmp_path)
    await people(made.shards)
    return made


@pytest.fixture
async def http(gateway: Rig) -> AsyncIterator[httpx.AsyncClient]:
    """A client of it without a key."""
    async with gateway.client() as client:
        yield client
