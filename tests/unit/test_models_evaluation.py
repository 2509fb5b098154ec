"""The measures, against their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from afflux.columns import F64
from models import evaluation
from models.evaluation import (
    auc,
    binned_auc,
    binned_calibration_error,
    calibration_error,
    log_losses,
)
from models.progressive import (
    AUC_FLOOR,
    LEAST,
    WINDOW,
    AmountQuality,
    ProbabilityQuality,
    quality_of,
)
from models.running_median import RunningMedian


def sample(n: int, seed: int = 3) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Calibrated probabilities and labels."""
    random = np.random.default_rng(seed)
    p = random.beta(1, 3, n)
    return p, (random.random(n) < p).astype(np.float64)


def test_auc_is_the_share_of_pairs_in_order() -> None:
    """Every positive against every negative, ties half."""
    p, y = sample(300)
    p = p.round(2)
    pairs = p[y == 1][:, None] - p[y == 0][None, :]
    expected = ((pairs > 0) + 0.5 * (pairs == 0)).mean()
    assert auc(p, y) == pytest.approx(expected)


def test_auc_of_one_class_is_not_known() -> None:
    """There are no pairs."""
    assert math.isnan(auc(np.array([0.1, 0.2]), np.array([1.0, 1.0])))
    assert math.isnan(binned_auc(np.zeros(3), np.zeros(3)))


def test_calibration_error_by_its_definition() -> None:
    """15 bins of equal size, sorted by probability."""
    p, y = sample(15 * 40)
    p = p**2
    parts = np.array_split(np.argsort(p), 15)
    expected = np.mean([abs(p[i].mean() - y[i].mean()) for i in parts])
    assert calibration_error(p, y) == pytest.approx(expected)
    assert expected > 0.05


def test_calibration_error_of_fine_bins_is_near_the_exact_one() -> None:
    """Known by 1,024 bins only, it differs in the third digit."""
    p, y = sample(20_000)
    at = (p * 1024).astype(int)
    count, probability, positive = (
        np.bincount(at, w, minlength=1024).astype(float) for w in (np.ones(len(p)), p, y)
    )
    binned = binned_calibration_error(count, probability, positive)
    assert binned == pytest.approx(calibration_error(p, y), abs=2e-3)


def test_log_loss_of_certainty_is_bounded() -> None:
    """Being sure and wrong costs -ln(1e-7), not infinity."""
    assert log_losses(np.array([0.0, 1.0, 0.5]), np.array([1.0, 1.0, 0.0])) == pytest.approx(
        [-math.log(1e-7), 1e-7, math.log(2)], rel=1e-6
    )


def test_figures_since_the_start_are_those_of_all_examples() -> None:
    """The streamed figures equal the ones computed at once; AUC from bins to 1e-3."""
    p, y = sample(5_000)
    quality = ProbabilityQuality()
    for i in range(0, 5_000, 64):
        quality.add(p[i : i + 64], y[i : i + 64])
    figures = quality.figures()
    assert figures["evaluated"] == 5_000
    assert figures["auc"] == pytest.approx(auc(p, y), abs=1e-3)
    assert figures["log_loss"] == pytest.approx(log_losses(p, y).mean())
    assert figures["brier"] == pytest.approx(((p - y) ** 2).mean())
    assert figures["ece"] == pytest.approx(calibration_error(p, y), abs=2e-3)
    before = np.cumsum(y) - y
    base = (before + 1) / (np.arange(5_000) + 2)
    assert figures["base_brier"] == pytest.approx(((base - y) ** 2).mean())
    assert figures["base_log_loss"] == pytest.approx(log_losses(base, y).mean())


def test_recent_figures_are_exact_over_the_window() -> None:
    """What is older than the window does not count."""
    p, y = sample(5_000)
    quality = ProbabilityQuality()
    quality.add(1 - p[:2_000], y[:2_000])
    quality.add(p[2_000:], y[2_000:])
    last = slice(5_000 - WINDOW, None)
    figures = quality.figures()
    single = p.astype(np.float32).astype(np.float64)
    assert figures["window"] == WINDOW
    assert figures["recent_auc"] == pytest.approx(auc(single[last], y[last]))
    assert figures["recent_ece"] == pytest.approx(calibration_error(single[last], y[last]))


def test_gate_of_classifiers() -> None:
    """Too few examples, or an AUC below the floor: not trusted; trusted again when it is good."""
    p, y = sample(WINDOW)
    assert auc(p, y) > AUC_FLOOR
    quality, trusted = ProbabilityQuality(), []
    for served, labels in (
        (p[: LEAST - 1], y[: LEAST - 1]), (p, y), (np.full(WINDOW, 0.5), y), (p, y),
    ):  # fmt: skip
        quality.add(served, labels)
        trusted.append(quality.trusted)
    assert trusted == [False, True, False, True]


def test_gate_of_amounts() -> None:
    """Trusted is what errs less than the running median does."""
    random = np.random.default_rng(5)
    truth = random.lognormal(3, 1, 3_000)
    good, bad = AmountQuality(), AmountQuality()
    good.add(truth * 1.1, truth)
    bad.add(np.full(3_000, 5.0), truth)
    assert (good.trusted, bad.trusted) == (True, False)
    figures = bad.figures()
    assert figures["mae"] == pytest.approx(np.abs(5 - truth).mean())
    medians = [0.0, *(float(np.median(truth[:i])) for i in range(1, 3_000))]
    assert figures["base_mae"] == pytest.approx(np.abs(medians - truth).mean(), rel=0.01)


def test_nothing_judged_gives_no_figures() -> None:
    """Before the first label there is nothing to say, and nothing is trusted."""
    for link in ("probability", "amount"):
        quality = quality_of(link)
        quality.add(np.empty(0), np.empty(0))
        assert quality.figures() == {"evaluated": 0.0, "window": 0.0}
        assert not quality.trusted


def test_running_median_at_any_time() -> None:
    """Within the width of a bin of the (lower) median of all before."""
    amounts = np.random.default_rng(6).lognormal(2, 2, 500)
    amounts[::7] = 0.0
    ours = RunningMedian().before(amounts)
    true = [np.sort(amounts[:i])[(i - 1) // 2] for i in range(1, 500)]
    np.testing.assert_allclose(np.log1p(ours[1:]), np.log1p(true), atol=1 / 64)


def test_gini_is_that_of_the_curve() -> None:
    """Against the curve drawn person by person; bins as fine as the values change nothing."""
    random = np.random.default_rng(9)
    spent = (random.random(200) < 0.6).astype(np.float64)
    labels: F64 = np.round(np.exp(random.normal(3, 1, 200)), 2) * spent
    served = labels * np.exp(random.normal(0, 0.5, 200)) + random.random(200)

    def index(order: NDArray[np.int64]) -> float:
        share = np.concatenate([[0.0], np.cumsum(labels[order]) / labels.sum()])
        return 1.0 - float((share[1:] + share[:-1]).sum()) / len(labels)

    expected = index(np.argsort(served)) / index(np.argsort(labels, kind="stable"))
    assert evaluation.normalised_gini(served, labels) == pytest.approx(expected, abs=1e-9)
    assert evaluation.normalised_gini(-labels, labels) == pytest.approx(-1.0)
    assert math.isnan(evaluation.normalised_gini(served, 0 * labels))


def test_rank_correlation_takes_ties_at_their_mean() -> None:
    """Ranks 1.5, 1.5, 3 against 1, 2, 3; nothing is said of a constant."""
    got = evaluation.rank_correlation(np.array([5.0, 5.0, 9.0]), np.array([1.0, 2.0, 3.0]))
    assert got == pytest.approx(math.sqrt(3) / 2)
    assert math.isnan(evaluation.rank_correlation(np.ones(3), np.array([0.0, 1.0, 2.0])))


def test_amounts_are_ranked_since_the_start_and_lately() -> None:
    """From bins and exactly: near each other, and through the state."""
    random = np.random.default_rng(10)
    labels: F64 = np.exp(random.normal(3, 1, 1_500)) * (random.random(1_500) < 0.7).astype(float)
    served = labels * np.exp(random.normal(0, 0.7, 1_500))
    quality, parts = AmountQuality(), AmountQuality()
    quality.add(served, labels)
    for at in range(0, 1_500, 400):
        again = AmountQuality()
        again.load(parts.state())
        again.add(served[at : at + 400], labels[at : at + 400])
        parts = again
    figures = quality.figures()
    assert figures == parts.figures()
    assert figures["gini"] == pytest.approx(figures["recent_gini"], abs=0.01)
    assert 0.8 < figures["recent_rank_correlation"] < 1.0
