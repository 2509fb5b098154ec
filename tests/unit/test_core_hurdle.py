"""Hurdle scores: value, interval and rank come from one distribution, and parts add up."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from afflux.hurdle import RESIDUAL_QUANTILES, HurdlePart
from afflux.names import ModelName
from afflux.scoring import LinearScorer, LinearSnapshot

D = 5
RANDOM = np.random.default_rng(3)
MATRIX = RANDOM.normal(0, 1, (40, D)).astype(np.float16)


def snapshot(cuts: np.ndarray) -> LinearSnapshot:
    """Whether and how much, arbitrary but fixed."""
    residuals = np.sort(RANDOM.normal(0, 0.5, len(RESIDUAL_QUANTILES)))
    ones = np.ones(D)
    part = HurdlePart(np.zeros(D), ones, RANDOM.normal(0, 0.4, D), 3.0, residuals)
    return LinearSnapshot(
        ModelName("value"), "amount", 1, np.zeros(D), ones, RANDOM.normal(0, 1, D), 0.2,
        (1.1, -0.1), cuts, True, 1, 1, part,
    )  # fmt: skip


def quantile(s: LinearSnapshot, x: np.ndarray, q: float) -> float:
    """What is spent with probability q at most."""
    assert s.hurdle is not None
    z = s.intercept + float(x @ s.weights)
    p = 1 / (1 + math.exp(-(s.calibration[0] * z + s.calibration[1])))
    if q <= 1 - p:
        return 0.0
    m = s.hurdle.intercept + float(x @ s.hurdle.weights)
    at = float(np.interp((q - (1 - p)) / p, RESIDUAL_QUANTILES, s.hurdle.residuals))
    return math.expm1(max(0.0, m + at))


def test_value_and_interval_are_quantiles_of_one_distribution() -> None:
    """The median, and the tenths on both sides; nothing where nothing is likely."""
    s = snapshot(np.empty(0))
    scores = LinearScorer([s]).score(MATRIX)
    for i, x in enumerate(MATRIX.astype(float)):
        expected = [quantile(s, x, q) for q in (0.1, 0.5, 0.9)]
        low, high = scores.interval[i, 0]
        np.testing.assert_allclose([low, scores.value[i, 0], high], expected, 1e-5)
    assert (scores.value == 0).any()
    assert (scores.value > 0).any()


def test_people_whose_median_is_nothing_are_ranked() -> None:
    """Percentiles go by the mean, which is the larger the likelier anything is."""
    s = snapshot(np.empty(0))
    rank = LinearScorer([s]).score(MATRIX).rank[:, 0]
    cuts = np.quantile(rank, np.arange(1, 100) / 100)
    scores = LinearScorer([replace(s, cuts=cuts)]).score(MATRIX)
    nothing = scores.value[:, 0] == 0
    assert len(set(scores.percentile[nothing, 0].tolist())) > 5


def test_parts_are_the_slope_of_the_logarithm_of_the_mean() -> None:
    """A small step of a feature moves ln(mean) by its part of that step."""
    s = snapshot(np.empty(0))
    x = np.zeros((1, D), np.float16)
    step = x.copy()
    step[0, 2] = 2**-7
    scorer = LinearScorer([s])
    before, after = scorer.score(x).rank[0, 0], scorer.score(step)
    at = after.factor[0, 0].tolist().index(2)
    moved = math.log(after.rank[0, 0]) - math.log(before)
    assert math.isclose(moved, after.contribution[0, 0, at], rel_tol=0.1)
    assert after.factor_value[0, 0, at] == np.float16(2**-7)


def test_beside_other_models_nothing_changes() -> None:
    """A hurdle between others gives the same scores as alone."""
    s = snapshot(np.empty(0))
    other = LinearSnapshot(
        ModelName("other"), "probability", 2, np.zeros(D), np.ones(D), np.ones(D), 0.0,
        (1.0, 0.0), np.empty(0), True, 1, 1,
    )  # fmt: skip
    alone, among = LinearScorer([s]).score(MATRIX), LinearScorer([other, s, other]).score(MATRIX)
    assert among.value[:, 1].tobytes() == alone.value[:, 0].tobytes()
    assert among.interval[:, 1].tobytes() == alone.interval[:, 0].tobytes()
    assert np.isnan(among.interval[:, [0, 2]]).all()
