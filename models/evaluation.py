"""Measures of served scores against labels: ranking, probability, calibration, amounts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from afflux.columns import F64

ECE_BINS = 15
_SMALLEST = 1e-7
"""Probabilities are cut to [1e-7, 1 - 1e-7] where a logarithm is taken."""


def auc(served: F64, labels: F64) -> float:
    """Area under the ROC curve: how often a positive ranks above a negative, ties half.

    NaN where there is only one class.

    >>> auc(np.array([0.1, 0.4, 0.4, 0.8]), np.array([0.0, 0.0, 1.0, 1.0]))
    0.875
    """
    values, place = np.unique(served, return_inverse=True)
    count = np.bincount(place, minlength=len(values)).astype(np.float64)
    positive = np.bincount(place, labels, minlength=len(values)).astype(np.float64)
    return binned_auc(count, positive)


def binned_auc(count: F64, positive: F64) -> float:
    """AUC where all that is known of a served value is its bin; bins ascend, ties count half."""
    negative = count - positive
    pairs = float(positive.sum()) * float(negative.sum())
    if not pairs:
        return float("nan")
    below = np.cumsum(negative) - negative
    return float(positive @ (below + negative / 2)) / pairs


def log_losses(served: F64, labels: F64) -> F64:
    """-ln of the probability that was given to what happened."""
    p = np.minimum(np.maximum(served, _SMALLEST), 1 - _SMALLEST)
    return -np.log(np.where(labels > 0, p, 1 - p))


def calibration_error(served: F64, labels: F64, bins: int = ECE_BINS) -> float:
    """Expected calibration error: mean |share of positives - mean probability| of equal bins.

    The examples, sorted by probability, are cut into bins of (almost) the same number of them
    (Nguyen and O'Connor, EMNLP 2015), so that no bin is decided by a handful. NaN without
    examples.

    >>> round(calibration_error(np.array([0.2] * 4), np.array([1.0, 0.0, 0.0, 0.0]), bins=1), 3)
    0.05
    """
    order = np.argsort(served, kind="stable")
    return _calibration_error(np.ones(len(served)), served[order], labels[order], bins)


def binned_calibration_error(
    count: F64, probability: F64, positive: F64, bins: int = ECE_BINS
) -> float:
    """The same where examples are known by fine bins: the bins of equal mass are made of them.

    `probability` and `positive` are sums over each fine bin.
    """
    some = np.flatnonzero(count)
    return _calibration_error(count[some], probability[some], positive[some], bins)


def _calibration_error(mass: F64, probability: F64, positive: F64, bins: int) -> float:
    total = float(mass.sum())
    if not total:
        return float("nan")
    of = _bin_of_mass(mass, bins)
    gaps = np.bincount(of, positive - probability, minlength=bins)
    return float(np.abs(gaps).sum()) / total


def calibration_curve(
    count: F64, probability: F64, positive: F64, bins: int = ECE_BINS
) -> list[list[float]]:
    """[examples, mean probability, share of positives] of bins of equal mass, those with any.

    The examples are known by fine bins, as those of `binned_calibration_error`.

    >>> calibration_curve(np.array([3.0, 1.0]), np.array([0.6, 0.9]), np.array([0.0, 1.0]), 2)
    [[3.0, 0.2, 0.0], [1.0, 0.9, 1.0]]
    """
    some = np.flatnonzero(count)
    if not len(some):
        return []
    of = _bin_of_mass(count[some], bins)
    n, p, y = (
        np.bincount(of, part[some], minlength=bins) for part in (count, probability, positive)
    )
    full = np.flatnonzero(n)
    points = np.stack([n[full], p[full] / n[full], y[full] / n[full]], axis=1)
    return [[float(x) for x in point] for point in points.round(6).tolist()]


def _bin_of_mass(mass: F64, bins: int) -> NDArray[np.int64]:
    middle = np.cumsum(mass) - mass / 2
    return np.minimum((middle * bins / float(mass.sum())).astype(np.int64), bins - 1)


def pinball(served: F64, labels: F64, at: float) -> F64:
    """Loss of a quantile: under it costs `at`, over it 1 - at (Koenker and Bassett, 1978).

    >>> pinball(np.array([10.0, 10.0]), np.array([20.0, 0.0]), 0.9).round(9).tolist()
    [9.0, 1.0]
    """
    off = labels - served
    return np.maximum(at * off, (at - 1.0) * off)


def normalised_gini(served: F64, labels: F64) -> float:
    """How well served amounts rank the true ones: 1 as the truth itself, 0 as any constant.

    The Gini index of the labels in the order of the served amounts, divided by that in their own
    order; ties share their mean. NaN where no order is better than another.

    >>> normalised_gini(np.array([1.0, 2.0, 3.0]), np.array([0.0, 5.0, 9.0]))
    1.0
    >>> normalised_gini(np.array([1.0, 1.0, 1.0]), np.array([0.0, 5.0, 9.0]))
    0.0
    """
    by_served, by_label = (np.unique(v, return_inverse=True)[1] for v in (served, labels))
    best = _gini_of(by_label, labels) if len(labels) else float("nan")
    return _gini_of(by_served, labels) / best if best else float("nan")


def _gini_of(place: NDArray[np.int64], labels: F64) -> float:
    count = np.bincount(place).astype(np.float64)
    return binned_gini(count, np.bincount(place, labels).astype(np.float64))


def binned_gini(count: F64, amount: F64) -> float:
    """Gini index of amounts in bins: `count` people with `amount` together; NaN of nothing."""
    if not amount.sum() or not count.sum():
        return float("nan")
    people = np.cumsum(count) / count.sum()
    share = np.cumsum(amount) / amount.sum()
    steps = np.diff(people, prepend=0.0)
    area = steps @ (share - np.diff(share, prepend=0.0) / 2)
    gini = float(1.0 - 2.0 * area)
    return gini if abs(gini) > 1e-12 else 0.0


def rank_correlation(a: F64, b: F64) -> float:
    """Spearman's: the correlation of ranks, ties at their mean. NaN where one is constant.

    >>> rank_correlation(np.array([1.0, 2.0, 9.0]), np.array([0.0, 1.0, 2.0]))
    1.0
    """
    x, y = _ranks(a), _ranks(b)
    spread = float(np.sqrt((x @ x) * (y @ y)))
    return round(float(x @ y) / spread, 12) if spread else float("nan")


def _ranks(values: F64) -> F64:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    middle = np.cumsum(count) - (count + 1) / 2
    ranks: F64 = middle[place]
    return ranks - ranks.mean() if len(ranks) else ranks
