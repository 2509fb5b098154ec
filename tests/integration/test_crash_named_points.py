"""Deaths at named points of the work on a batch, of a take-over, and of a timer wave."""

from __future__ import annotations

import signal

import pytest

from crash_checks import check
from crash_site import Site

pytest_plugins = ["crash_fixtures"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("point", "latest"),
    [
        ("after_commit", 6),
        ("between_shards", 6),
        ("half_announced", 4),
        ("before_acks", 5),
        ("before_rewind", 3),
    ],
)
def test_death_at_a_named_point(site: Site, point: str, latest: int) -> None:
    """At the first and at a later occasion of this point, in one run: nothing lost or doubled."""
    for occasion in (1, site.rng.randint(2, latest), latest):
        site.produce_season(150)
        life = site.start(point=point, occasion=occasion)
        site.feed_until_death(life, 150)
        assert life.wait() == -signal.SIGKILL, life.log[-3000:]
    site.finish()
    assert check(site).examples > 50


@pytest.mark.slow
def test_death_between_take_over_and_seek(site: Site) -> None:
    """The shards are fenced and the outbox announced, the reader never gets there: thrice."""
    site.produce_season(150)
    life = site.start()
    site.wait_progress(life, 50)
    life.kill()
    for _ in range(3):
        life = site.start(point="before_seek")
        assert life.wait() == -signal.SIGKILL, life.log[-3000:]
    site.produce_season(150)
    site.finish()
    assert check(site).examples > 50


@pytest.mark.slow
def test_death_inside_of_a_timer_wave(site: Site) -> None:
    """Shards without records are advanced over their deadlines; small commits cut the wave."""
    commit_rows = 4
    for occasion in (1, 6):
        site.produce_events(200)
        life = site.start(commit_rows=commit_rows)
        site.settle(life)
        life.kill()
        site.produce_silence()
        life = site.start(point="in_wave", occasion=occasion, commit_rows=commit_rows)
        assert life.wait() == -signal.SIGKILL, life.log[-3000:]
    site.finish(commit_rows=commit_rows)
    assert check(site).examples > 50
