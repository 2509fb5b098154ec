"""SIGKILL at random: the state is that of the log, and what was emitted is the same."""

from __future__ import annotations

import pytest

from crash_checks import check
from crash_site import Site

pytest_plugins = ["crash_fixtures"]

KILLS = 5


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_sigkill_at_random_changes_nothing(site: Site, seed: int) -> None:
    """Killed five times while the log grows, at random points; then it equals one quiet run."""
    for _ in range(KILLS):
        site.produce_season()
        site.kill_on_the_way(site.start())
    site.produce_season(100)
    site.finish()
    found = check(site)
    print(found)
    assert site.killed_on_the_way >= 3
    assert found.examples > 100
    assert found.derived > 20
