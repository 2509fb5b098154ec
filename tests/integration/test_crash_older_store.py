"""Redis comes back as it was some time ago: the worker goes back to where that is."""

from __future__ import annotations

import pytest

from crash_checks import check
from crash_nursery import until
from crash_site import Site

pytest_plugins = ["crash_fixtures"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [6])
def test_older_copy_under_a_running_worker(site: Site, seed: int) -> None:
    """Twice in mid-run, after a clean stop and after SIGKILL of Redis, and once when idle."""
    site.produce_season()
    life = site.start()
    for gently in (True, False):
        site.wait_progress(life, site.progress() + 50)
        copy = site.back_up()
        at = site.progress()
        site.wait_progress(life, at + 150)
        site.restore(copy, gently)
        site.produce_season(200)
    site.settle(life)
    site.restore(copy, gently=True)
    assert not site.at_end(site.ends())
    site.settle(life)
    life.stop()
    site.finish()
    assert check(site).examples > 50
    assert "rewinding" in life.log or "resumed" in life.log


@pytest.mark.slow
def test_older_copy_between_two_lives(site: Site) -> None:
    """The worker is killed, Redis restored, and another worker starts from what is there."""
    site.produce_season(200)
    life = site.start()
    site.wait_progress(life, 40)
    copy = site.back_up()
    until(lambda: site.progress() > 150, lambda: life.log[-2000:])
    life.kill()
    site.restore(copy, gently=False)
    site.produce_season(200)
    site.kill_on_the_way(site.start())
    site.restore(copy, gently=True)
    site.finish()
    assert check(site).examples > 50
