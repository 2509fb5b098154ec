"""Linear scoring is what its docstring says, row by row."""

from __future__ import annotations

import math

import numpy as np

from afflux.names import ModelName
from afflux.scoring import LinearScorer, buckets, points, untrained
from core_cases import CATALOG, linear_scorer

SCORER = linear_scorer()
MATRIX = np.random.default_rng(3).normal(size=(40, CATALOG.dimension)).astype(np.float16)


def test_values_are_the_written_formula() -> None:
    """Z = intercept + sum((x - mean) / scale * weights), then sigmoid or expm1."""
    scores = SCORER.score(MATRIX)
    for m, s in enumerate(SCORER.snapshots):
        for i, x in enumerate(MATRIX.astype(float)):
            z = s.intercept + sum((x - s.mean) / s.scale * s.weights)
            a, b = s.calibration
            value = max(0.0, math.expm1(z)) if m else 1 / (1 + math.exp(-(a * z + b)))
            assert math.isclose(scores.value[i, m], value, rel_tol=1e-5, abs_tol=1e-7)


def test_factors_are_the_three_largest_parts() -> None:
    """By size, signed, the strongest first; those of a probability are parts of its log-odds."""
    scores = SCORER.score(MATRIX)
    for m, s in enumerate(SCORER.snapshots):
        parts = (MATRIX.astype(float) - s.mean) / s.scale * s.weights
        parts *= s.calibration[0] if s.link == "probability" else 1.0
        for i, part in enumerate(parts):
            order = np.argsort(-np.abs(part), kind="stable")[:3]
            assert scores.factor[i, m].tolist() == order.tolist()
            assert np.allclose(scores.contribution[i, m], part[order], rtol=1e-3)


def test_percentile_counts_the_cuts_below() -> None:
    """1 below all cut points, 100 above all, 0 where there are none."""
    scores = SCORER.score(MATRIX)
    for m, s in enumerate(SCORER.snapshots):
        below = [1 + sum(c < v for c in s.cuts) for v in scores.value[:, m].tolist()]
        assert np.abs(scores.percentile[:, m].astype(int) - below).max() <= 1
    fresh = LinearScorer([untrained(ModelName("m"), "probability", CATALOG.dimension)])
    assert set(fresh.score(MATRIX).percentile.ravel().tolist()) == {0}


def test_a_row_is_scored_alike_in_any_company() -> None:
    """No bit depends on the batch that a row is in."""
    together = SCORER.score(MATRIX)
    for i in range(len(MATRIX)):
        alone = SCORER.score(MATRIX[i : i + 1])
        assert alone.value.tobytes() == together.value[i].tobytes()
        assert alone.contribution.tobytes() == together.contribution[i].tobytes()


def test_untrained_models_know_nothing() -> None:
    """Probability one half, amount zero, not trusted, version 0."""
    fresh = LinearScorer([untrained(m.name, m.link, CATALOG.dimension) for m in CATALOG.models])
    scores = fresh.score(MATRIX)
    assert scores.value.tolist() == [[0.5, 0.0]] * len(MATRIX)
    assert fresh.versions.tolist() == [0, 0]
    assert not fresh.trusted.any()


def test_extreme_vectors_give_finite_scores() -> None:
    """Clipped vectors cannot overflow what is stored."""
    extreme = np.full((1, CATALOG.dimension), 60_000, np.float16)
    for matrix in (extreme, -extreme):
        scores = SCORER.score(matrix)
        assert np.isfinite(scores.value).all()
        assert np.isfinite(scores.contribution).all()


def test_no_rows_no_scores() -> None:
    """An empty batch is scored as well."""
    scores = SCORER.score(np.empty((0, CATALOG.dimension), np.float16))
    assert scores.value.shape == (0, 2)
    assert scores.factor.shape == (0, 2, 3)


def test_buckets_and_points() -> None:
    """Buckets by percentile; points are percent, or the percentile of an amount."""
    amount = np.array([False, True])
    value = np.array([[0.125, 5.0]] * 4, np.float32)
    percentile = np.array([[33, 33], [34, 66], [67, 100], [0, 0]], np.uint8)
    assert buckets(value, percentile, amount).tolist() == [[0, 0], [1, 1], [2, 2], [0, 1]]
    assert points(value, percentile, amount).tolist() == [[12, 33], [12, 66], [12, 100], [12, 0]]
