"""A pytest plugin for `make soak`: every test several times, each round with seeds of its own."""

from __future__ import annotations

from typing import Any

import pytest

ROUND = "soak_round"


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--rounds N`."""
    parser.addoption("--rounds", type=int, default=5, help="how often each test runs")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Repeat each test."""
    metafunc.fixturenames.append(ROUND)
    metafunc.parametrize(ROUND, range(metafunc.config.getoption("--rounds")))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Round r runs with the seed s + 1000 r where a test has a seed s."""
    for item in items:
        if isinstance(item, pytest.Function) and "seed" in item.callspec.params:
            params: dict[str, Any] = item.callspec.params
            params["seed"] += 1000 * params[ROUND]
