"""SIGKILL at random: the state is that of the log, and what was emitted is the same."""

from __future__ import annotations

import pytest

from crash_checks import check
from crash_site import Site
from crash_verify import verify

pytest_plugins = ["crash_fixtures"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_sigkill_at_random_changes_nothing(site: Site, seed: int) -> None:
    """Killed six times while the log grows, at random points; then it equals one quiet run."""
    run(site, kills=6)


@pytest.mark.slow
def test_sigkill_on_the_embedded_broker(embedded_site: Site) -> None:
    """The same, shorter, on the broker that the quick start uses."""
    run(embedded_site, kills=2)


def run(site: Site, kills: int) -> None:
    """Kill in every season, then finish and compare."""
    for n in range(kills):
        site.produce_season()
        life = site.start()
        site.wait_progress(life, site.progress() + 20)
        if n % 3 == 0:
            assert verify(site, most=40).differences == [], "while it folds"
        site.produce_season(200)
        site.kill_on_the_way(life)
    site.produce_season(100)
    site.finish()
    found = check(site)
    print(site.killed_on_the_way, "kills on the way:", found)
    everybody = verify(site)
    assert everybody.differences == []
    assert everybody.checked > 60
    assert site.killed_on_the_way > kills / 2
    assert found.examples > 100
    assert found.derived > 20
