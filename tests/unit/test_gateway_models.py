"""Models over HTTP: what the learner published last, with how good it was."""

from __future__ import annotations

import httpx
import pytest

from gateway_rig import Rig
from models import discover
from models.laws import FEATURES, stream
from models.model_learner import ModelLearner
from models.snapshot import encode, version_name, version_of

pytest_plugins = ["gateway_fixtures"]


def published(examples: int) -> tuple[str, bytes]:
    """A snapshot of churn that has learned so much."""
    (churn,) = [model for model in discover() if model.spec.name == "churn"]
    learner = ModelLearner(churn, FEATURES)
    seen = stream(churn)
    learner.learn(seen, range(examples))
    data = encode(learner.snapshot(examples, b"t" * 16))
    return version_name(version_of(data)), data


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/churn"])
async def test_quality_is_that_of_the_current_snapshot(
    gateway: Rig, http: httpx.AsyncClient, path: str
) -> None:
    """Version, examples, metrics; after a newer one is published, those of the newer one."""
    for examples in (100, 300):
        version, data = published(examples)
        await gateway.shards.put_snapshot("churn", version, data)
        body = (await http.get(path)).json()
        snapshot = (body["models"][0] if "models" in body else body)["snapshot"]
        assert (snapshot["version"], snapshot["examples"]) == (version, examples)
        assert snapshot["metrics"]["evaluated"] > 0
        assert snapshot["features"] == list(FEATURES)
    assert (await http.get("/v1/models/lifetime_value")).json()["snapshot"] is None


async def test_a_damaged_snapshot_is_503(gateway: Rig, http: httpx.AsyncClient) -> None:
    """It says so in the log, and other routes go on."""
    await gateway.shards.put_snapshot("churn", "0" * 16, b"junk")
    assert (await http.get("/v1/models/churn")).status_code == 503
    assert (await http.get("/v1/profiles/crm/1")).status_code == 200
