"""The OpenAPI page and the application agree: generated requests, every answer checked."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.config import SchemathesisConfig

from gateway_rig import people, rig

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CONFIG = """
# Rules ask for more than the form of a request: 422 is an answer to what has only the form.
[checks.positive_data_acceptance]
expected-statuses = [200, 202, 401, 403, 404, 409, 413, 422]
"""
OPERATIONS = [
    ("GET", "/v1/profiles/{namespace}/{id}"),
    ("GET", "/v1/profiles/{namespace}/{id}/similar"),
    ("GET", "/v1/profiles/{namespace}/{id}/timeline"),
    ("POST", "/v1/profiles/lookup"),
    ("GET", "/v1/recommendations/{namespace}/{id}"),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/{name}"),
    ("GET", "/v1/audiences"),
    ("POST", "/v1/audiences/preview"),
    ("GET", "/v1/audiences/{name}"),
    ("PUT", "/v1/audiences/{name}"),
    ("DELETE", "/v1/audiences/{name}"),
    ("GET", "/v1/audiences/{name}/members"),
    ("GET", "/v1/audiences/{name}/overlap/{other}"),
    ("GET", "/v1/clusters"),
    ("GET", "/v1/forecasts"),
    ("GET", "/v1/scores/stream"),
    ("POST", "/v1/events"),
    ("GET", "/v1/privacy/{namespace}/{id}"),
    ("DELETE", "/v1/privacy/{namespace}/{id}"),
    ("GET", "/v1/privacy/receipts/{receipt}"),
    ("PUT", "/v1/consent/{namespace}/{id}"),
    ("GET", "/v1/identities/{namespace}/{id}"),
    ("POST", "/v1/identities/link"),
    ("POST", "/v1/identities/unlink"),
    ("GET", "/v1/keys"),
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
]
MODES = list(schemathesis.GenerationMode)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The page of a gateway with people and a key that may do everything; streams end at once."""
    made = rig(tmp_path_factory.mktemp("keys"), stream_s=0.01, burst=1_000_000)
    asyncio.run(people(made.shards))
    key = made.key("query", "ingest", "privacy", "admin")
    config = Path(tmp_path_factory.mktemp("config") / "schemathesis.toml")
    config.write_text(f'{CONFIG}\n[auth.openapi.apiKey]\nbearer = "{key}"\n')
    return schemathesis.openapi.from_asgi(
        "/openapi.json", made.app, config=SchemathesisConfig.from_path(config)
    )


def test_every_operation_is_tried(page: Any) -> None:
    """The table here is that of the page."""
    found = [result.ok() for result in page.get_all_operations()]
    assert {(one.method.upper(), one.path) for one in found} == set(OPERATIONS)


@pytest.mark.parametrize("mode", MODES, ids=[mode.value for mode in MODES])
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_answers_are_as_documented(
    page: Any, method: str, path: str, mode: schemathesis.GenerationMode
) -> None:
    """No server error; documented status, type, body, headers; bad data refused; keys asked for."""
    operation = page[path][method]
    if mode is schemathesis.GenerationMode.NEGATIVE and not _has_input(operation):
        return

    @settings(
        max_examples=30 if "audiences" in path else 100,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: Any) -> None:
        case.call_and_validate()

    check()


def _has_input(operation: Any) -> bool:
    """Whether there is anything that could be wrong."""
    return bool(operation.body or operation.path_parameters or operation.query)
