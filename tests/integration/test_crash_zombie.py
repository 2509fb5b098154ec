"""Two workers, one of which is stopped until it loses its partitions and then goes on."""

from __future__ import annotations

import signal

import pytest

from crash_checks import check
from crash_nursery import until
from crash_site import Site

pytest_plugins = ["crash_fixtures"]

ROUNDS = 3


@pytest.mark.slow
@pytest.mark.parametrize("seed", [4])
def test_stopped_worker_goes_on_after_its_partitions_went_to_another(site: Site, seed: int) -> None:
    """SIGSTOP in the middle of a batch, SIGCONT when the other owns everything: fenced off."""
    site.produce_season(200)
    lives = [site.start(name, session_timeout_ms=1_500, heartbeat_interval_ms=300) for name in "ab"]
    until(lambda: site.owners() >= 2, lambda: lives[0].log[-2000:] + lives[1].log[-2000:])
    stolen = 0
    for n in range(ROUNDS):
        site.produce_season(200)
        stopped, other = lives[n % 2], lives[1 - n % 2]
        site.wait_progress(other, site.progress() + site.rng.randint(1, 100))
        stopped.send(signal.SIGSTOP)
        site.produce_season(100)
        site.settle(other)
        stolen += site.owners() == 1
        stopped.send(signal.SIGCONT)
        site.produce_season(100)
        site.settle(other)
    for life in lives:
        life.stop()
    site.finish()
    check(site)
    assert stolen >= ROUNDS - 1
