"""Drift and duels: ADWIN beside River's, the bound that may be looked at at any time, moments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from afflux.columns import F64
from models.adwin import Adwin
from models.as_of import Moments
from models.duel import PERIOD, Duel


def losses(n: int, change: int, seed: int) -> F64:
    """Losses with mean .2, from `change` on .3."""
    random = np.random.default_rng(seed)
    before = random.beta(2, 8, n)
    return np.where(np.arange(n) < change, before, random.beta(3, 7, n))


@pytest.mark.parametrize("seed", range(3))
def test_adwin_finds_what_rivers_finds(seed: int) -> None:
    """By single values at the very same one; by leaves of 64 at most 128 later."""
    from river import drift

    values = losses(5_000, 3_000, seed)
    made: Any = drift
    river, at = made.ADWIN(), 0
    for number, value in enumerate(values.tolist(), 1):
        river.update(value)
        if river.drift_detected:
            at = number
            break
    assert 3_000 < at < 3_500
    (exact, *_) = Adwin(leaf=1, clock=32).add(values)
    assert exact.seen == at
    (coarse,) = Adwin(leaf=64, clock=2).add(values)
    assert at <= coarse.seen <= at + 128
    assert coarse.before == pytest.approx(0.2, abs=0.02)
    assert coarse.after == pytest.approx(0.3, abs=0.05)


def test_adwin_forgets_the_older_side_and_is_quiet_without_change() -> None:
    """After a change the window is the newer side; 50,000 values of one kind raise no alarm."""
    adwin = Adwin(leaf=64)
    assert adwin.add(losses(50_000, 50_000, 7)) == []
    assert adwin.width == 50_000 // 64 * 64
    (change,) = adwin.add(losses(2_000, 0, 8))
    assert adwin.width < 2_000 + change.since
    assert adwin.mean == pytest.approx(0.3, abs=0.01)


def test_adwin_goes_on_from_its_state() -> None:
    """Cut anywhere and restored, it finds the same changes."""
    values = losses(4_000, 2_000, 3)
    whole = Adwin(leaf=64)
    expected = whole.add(values)
    for at in (1, 777, 2_100):
        first, second = Adwin(leaf=64), Adwin(leaf=64)
        found = first.add(values[:at])
        second.load(first.state())
        for i in range(at, 4_000, 13):
            found += second.add(values[i : i + 13])
        assert found == expected
        assert all((second.state()[k] == v).all() for k, v in whole.state().items())


def duel(seed: int, noise: float, n: int = PERIOD) -> tuple[bool, Duel]:
    """Whether the second ever looks surely better; its scores are as noisy as told, of 0.3."""
    random = np.random.default_rng(seed)
    label = random.random(n) < 0.3
    odds = np.log(0.3 / 0.7) + random.normal(0.0, 1.0, (n, 2)) * [0.3, noise]
    p = 1 / (1 + np.exp(-odds))
    pairs = -np.log(np.where(label[:, None], p, 1 - p))
    made, won = Duel(), False
    for at in range(0, n, 128):
        made.add(pairs[at : at + 128])
        verdict = made.verdict(0.02)
        won = won or (verdict is not None and verdict.examples >= 256 and verdict.surely > 0)
    return won, made


def test_equals_hardly_ever_win_and_better_ones_do() -> None:
    """Looked at 64 times, at a risk of 2 %: no more than 4 of 100 equals win; a better one wins."""
    assert sum(duel(seed, 0.3)[0] for seed in range(100)) <= 4
    assert sum(duel(seed, 0.0)[0] for seed in range(10)) >= 8


def test_a_duel_starts_anew_after_a_period() -> None:
    """What was 8,192 examples ago does not count; the window shows the last 2,048."""
    made = duel(1, 0.3)[1]
    made.add(np.tile([1.0, 0.5], (64, 1)))
    verdict = made.verdict(0.02)
    assert verdict is not None
    assert (verdict.examples, verdict.window) == (64, 2_048)
    assert verdict.gain == pytest.approx(0.5)


def test_moments_do_not_depend_on_blocks() -> None:
    """One a sixteenth of a window, but a quarter of the examples before apart, at most 1,024."""
    n, window = 6_000, 800
    opened = np.arange(n, dtype=np.int64)

    def found(size: int) -> list[int]:
        moments, at, places = Moments(), 0, []
        while at < n:
            block = slice(at, min(at + size, n))
            taken, moment = moments.next(opened[block], opened[block] + window)
            at += taken
            if moment is not None:
                places.append(at)
                assert moment == at - 1 + window
        return places

    assert found(n) == found(1) == found(128)
    assert found(n)[0] == 64
    assert np.diff(found(n)).max() == 1_024
