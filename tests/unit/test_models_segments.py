"""Figures by segment, calibration curves and intervals, against their definitions."""

from __future__ import annotations

import numpy as np
import pytest

from models.evaluation import auc, calibration_error, log_losses
from models.interval_quality import IntervalQuality
from models.progressive import ProbabilityQuality
from models.segment_quality import SegmentQuality
from models.segments import BY_ORDERS, Segments


def test_segments_are_declared_soundly() -> None:
    """A name for each band, bounds that ascend, no band that is called all."""
    for bounds, names in (((1.0,), ("a",)), ((2.0, 1.0), ("a", "b", "c")), ((), ("all",))):
        with pytest.raises(ValueError, match=r"bound|segments"):
            Segments("x", bounds, names)
    x = np.log1p(np.arange(0.0, 40.0))[:, None].astype(np.float16)
    of = BY_ORDERS.of(x, ("lifetime_purchases",))
    assert of.tolist() == [0] * 2 + [1] * 3 + [2] * 15 + [3] * 20
    assert BY_ORDERS.of(x, ("other",)).tolist() == [0] * 40


def test_probabilities_by_segment() -> None:
    """Since the start and recent, each segment's figures are those of its examples alone."""
    random = np.random.default_rng(5)
    n = 4_000
    p, of = random.beta(1, 3, n), random.integers(0, 3, n)
    y = (random.random(n) < p).astype(np.float64)
    quality = SegmentQuality("probability", ("a", "b", "c", "nobody"))
    for at in range(0, n, 77):
        block = slice(at, at + 77)
        quality.add(p[block], y[block], of[block])
    found, curves = quality.figures(), quality.curves()
    assert set(found) == set(curves) == {"a", "b", "c"}
    for i, name in enumerate("abc"):
        mine, figures = of == i, found[name]
        late = mine & (np.arange(n) >= n - 2_048)
        share = y[mine].mean()
        assert figures["evaluated"] == mine.sum()
        assert figures["window"] == late.sum()
        assert figures["log_loss"] == pytest.approx(log_losses(p[mine], y[mine]).mean())
        assert figures["base_brier"] == pytest.approx(share * (1 - share))
        assert figures["auc"] == pytest.approx(auc(p[mine], y[mine]), abs=5e-3)
        assert figures["recent_auc"] == pytest.approx(auc(p[late], y[late]), abs=1e-4)
        assert figures["recent_ece"] == pytest.approx(calibration_error(p[late], y[late]), abs=1e-4)
        since_start, recent = np.array(curves[name][0]), np.array(curves[name][1])
        assert since_start[:, 0].sum() == mine.sum()
        assert recent[:, 0].sum() == late.sum()
        assert (recent[:, 0] @ recent[:, 2]) == pytest.approx(y[late].sum(), abs=0.01)
        assert np.abs(recent[:, 1] - recent[:, 2]).mean() < 0.1


def test_amounts_by_segment() -> None:
    """The error beside that of the segment's own median, and the means."""
    random = np.random.default_rng(6)
    y, of = random.lognormal(3, 1, 3_000), random.integers(0, 2, 3_000)
    y[of == 1] *= 10
    quality = SegmentQuality("amount", ("small", "large"))
    quality.add(y * 1.2, y, of)
    for i, name in enumerate(("small", "large")):
        mine, figures = y[of == i], quality.figures()[name]
        assert figures["mae"] == pytest.approx(0.2 * mine.mean())
        constant = np.abs(mine - np.median(mine)).mean()
        assert figures["base_mae"] == pytest.approx(constant, rel=0.01)
        assert figures["gini"] > 0.98
    assert quality.curves() == {}


def test_the_curve_of_everybody() -> None:
    """Fifteen bins of equal mass; served probability and share of positives agree where they do."""
    random = np.random.default_rng(7)
    p = random.beta(1, 3, 20_000)
    quality = ProbabilityQuality()
    quality.add(p, (random.random(20_000) < p).astype(np.float64))
    since_start, lately = quality.curve() or ([], [])
    whole, recent = np.array(since_start), np.array(lately)
    assert len(whole) == len(recent) == 15
    assert whole[:, 0] == pytest.approx(20_000 / 15, rel=0.1)
    assert (np.diff(whole[:, 1]) > 0).all()
    assert whole[:, 1] == pytest.approx(whole[:, 2], abs=0.05)


def test_intervals_are_judged_beside_constant_ones() -> None:
    """Four of five amounts within; pinball loss by its definition; nothing before a constant."""
    random = np.random.default_rng(8)
    n = 4_000
    scale = random.lognormal(2, 1, n)
    y = scale * random.exponential(1.0, n)
    quality, times = IntervalQuality(), np.arange(n)
    low, middle, high = (scale * -np.log(1 - q) for q in (0.1, 0.5, 0.9))
    quality.add(middle[:100], np.stack([low, high])[:, :100], times[:100], y[:100])
    assert quality.figures() == {}
    labels = np.bincount(np.minimum(np.log1p(y) * 64, 1_279).astype(int), minlength=1_280)
    quality.keep(50.0, labels.astype(np.float64))
    for at in range(100, n, 61):
        block = slice(at, at + 61)
        quality.add(middle[block], np.stack([low, high])[:, block], times[block], y[block])
    figures = quality.figures()
    assert figures["coverage"] == pytest.approx(0.8, abs=0.02)
    late, constants = y[100:], np.quantile(y, (0.1, 0.5, 0.9))

    def pinball(values: list[np.ndarray]) -> float:
        each = [
            np.where(late > v, q * (late - v), (1 - q) * (v - late)).mean()
            for q, v in zip((0.1, 0.5, 0.9), values, strict=True)
        ]
        return float(np.mean(each))

    assert figures["pinball"] == pytest.approx(pinball([v[100:] for v in (low, middle, high)]))
    assert figures["base_pinball"] == pytest.approx(pinball([*constants]), rel=0.02)
    assert figures["pinball"] < figures["base_pinball"]
