"""Progressive validation: what was served is judged by its label, before the label is learned.

Each figure stands since the start and over the recent examples, beside that of a constant:

    probabilities   the running share of positives, (k + 1) / (n + 2) after k of n
    amounts         the running median of the labels, which no constant beats by absolute error

All of it is exact but for two: AUC and calibration error since the start come from bins of the
served logit, 1/64 wide from -8 to 8, where ties count half. States do not depend on how the
examples were cut into blocks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Protocol

import numpy as np

from afflux.columns import F64, I64
from afflux.scoring import Link
from models.contract import Arrays
from models.evaluation import (
    auc,
    binned_auc,
    binned_calibration_error,
    binned_gini,
    calibration_curve,
    calibration_error,
    log_losses,
    normalised_gini,
    rank_correlation,
)
from models.recent import Recent
from models.running_median import RunningMedian

WINDOW = 2_048
"""Recent examples that figures are also taken over."""

AUC_FLOOR = 0.65
"""Below it a classifier is not trusted."""

LEAST = 200
"""Recent examples without which nothing is trusted."""

_AMOUNT_BINS = 1_280

_LOGIT_STEPS = 64
_LOGIT_END = 8
_LOGIT_BINS = 2 * _LOGIT_END * _LOGIT_STEPS


class Quality(Protocol):
    """Judges served values."""

    def add(self, served: F64, labels: F64) -> None:
        """Judge these, in order."""
        ...

    def figures(self) -> dict[str, float]:
        """Everything that is known by now; a figure that is not yet, is left out."""
        ...

    def curve(self) -> tuple[list[list[float]], list[list[float]]] | None:
        """Calibration of probabilities since the start, and recent; None of amounts."""
        ...

    @property
    def label_counts(self) -> F64:
        """Labels by bins of ln(1 + amount), 1/64 wide; none of probabilities."""
        ...

    @property
    def trusted(self) -> bool:
        """Whether the model is past its gate, by the recent examples."""
        ...

    def state(self) -> Arrays:
        """All that it knows."""
        ...

    def load(self, arrays: Arrays) -> None:
        """Go on from there."""
        ...


def quality_of(link: Link) -> Quality:
    """The judge for a kind of value."""
    return AmountQuality() if link == "amount" else ProbabilityQuality()


class ProbabilityQuality:
    """AUC, log-loss, Brier score and calibration error, beside the running share of positives."""

    _NAMES = ("log_loss", "brier", "base_log_loss", "base_brier")

    def __init__(self) -> None:
        self._sums = np.zeros(4)
        self._bins = np.zeros((3, _LOGIT_BINS))  # examples, probability, positives
        self._recent = Recent("quality.recent", WINDOW, np.float32, 3)

    def add(self, served: F64, labels: F64) -> None:
        """Judge these, in order."""
        if not len(served):
            return
        count, _, positive = self._bins.sum(axis=1)
        positives = positive + np.cumsum(labels) - labels
        base = (positives + 1) / (count + np.arange(len(labels)) + 2)
        self._sums = total(self._sums, _losses(served, base, labels))
        at = _logit_bin(served)
        for row, addend in enumerate((np.ones(len(at)), served, labels)):
            np.add.at(self._bins[row], at, addend)
        self._recent.add(np.stack([served, base, labels], axis=1))

    def figures(self) -> dict[str, float]:
        """Everything that is known by now; a figure that is not yet, is left out."""
        count, probability, positive = self._bins
        n = count.sum()
        since_start = dict(zip(self._NAMES, self._sums / max(n, 1), strict=True))
        since_start["auc"] = binned_auc(count, positive)
        since_start["ece"] = binned_calibration_error(count, probability, positive)
        since_start["positive_share"] = positive.sum() / max(n, 1)
        return known(since_start, self._recent_figures(), int(n), len(self._recent.rows))

    def curve(self) -> tuple[list[list[float]], list[list[float]]] | None:
        """Calibration since the start, and recent."""
        served, _, labels = self._recent.rows.T.astype(np.float64)
        order = np.argsort(served, kind="stable")
        recent = calibration_curve(np.ones(len(served)), served[order], labels[order])
        return calibration_curve(*self._bins), recent

    @property
    def label_counts(self) -> F64:
        """There are none."""
        return np.empty(0)

    @property
    def trusted(self) -> bool:
        """Whether the recent AUC reaches the floor."""
        served, _, labels = self._recent.rows.T.astype(np.float64)
        return len(served) >= LEAST and auc(served, labels) >= AUC_FLOOR

    def state(self) -> Arrays:
        """All that it knows."""
        return {
            "quality.sums": self._sums.copy(),
            "quality.bins": self._bins.copy(),
            **self._recent.state(),
        }

    def load(self, arrays: Arrays) -> None:
        """Go on from there."""
        self._sums = arrays["quality.sums"].copy()
        self._bins = arrays["quality.bins"].copy()
        self._recent.load(arrays)

    def _recent_figures(self) -> dict[str, float]:
        served, base, labels = self._recent.rows.T.astype(np.float64)
        if not len(served):
            return {}
        means = _losses(served, base, labels).mean(axis=0)
        figures = dict(zip(self._NAMES, means.tolist(), strict=True))
        return {
            **figures, "auc": auc(served, labels), "ece": calibration_error(served, labels),
            "positive_share": float(labels.mean()),
        }  # fmt: skip


class AmountQuality:
    """Mean absolute error beside that of the running median, ranking, and the means.

    Ranking is the normalised Gini index (a constant has 0) and, of the recent examples, the rank
    correlation. Since the start it comes from bins of ln(1 + amount), 1/64 wide. The pinball loss
    of the median is half of the absolute error.
    """

    _NAMES = ("mae", "base_mae", "mean_served", "mean_label")

    def __init__(self) -> None:
        self._n = 0
        self._sums = np.zeros(4)
        self._median = RunningMedian()
        self._bins = np.zeros((3, _AMOUNT_BINS))  # by served: examples, labels; by label: labels
        self._by_label = np.zeros(_AMOUNT_BINS)
        self._recent = Recent("quality.recent", WINDOW, np.float32, 3)

    def add(self, served: F64, labels: F64) -> None:
        """Judge these, in order."""
        if not len(served):
            return
        base = self._median.before(labels)
        self._n += len(served)
        self._sums = total(self._sums, _errors(served, base, labels))
        by_served, by_label = _amount_bin(served), _amount_bin(labels)
        np.add.at(self._bins[0], by_served, 1.0)
        np.add.at(self._bins[1], by_served, labels)
        np.add.at(self._bins[2], by_label, labels)
        np.add.at(self._by_label, by_label, 1.0)
        self._recent.add(np.stack([served, base, labels], axis=1))

    def figures(self) -> dict[str, float]:
        """Everything that is known by now; a figure that is not yet, is left out."""
        if not self._n:
            return known({}, {}, 0, 0)
        since_start = dict(zip(self._NAMES, (self._sums / self._n).tolist(), strict=True))
        best = binned_gini(self._by_label, self._bins[2])
        since_start["gini"] = binned_gini(*self._bins[:2]) / best if best else math.nan
        recent = dict(zip(self._NAMES, self._recent_means().tolist(), strict=True))
        served, _, labels = self._recent.rows.T.astype(np.float64)
        recent["gini"] = normalised_gini(served, labels)
        recent["rank_correlation"] = rank_correlation(served, labels)
        return known(since_start, recent, self._n, len(self._recent.rows))

    def curve(self) -> tuple[list[list[float]], list[list[float]]] | None:
        """Amounts have none."""
        return None

    @property
    def label_counts(self) -> F64:
        """Labels by bins of ln(1 + amount), 1/64 wide."""
        return self._by_label

    @property
    def trusted(self) -> bool:
        """Whether the recent error is below that of the constant."""
        if len(self._recent.rows) < LEAST:
            return False
        error, base_error, *_ = self._recent_means().tolist()
        return bool(error < base_error)

    def state(self) -> Arrays:
        """All that it knows."""
        return {
            "quality.sums": np.append(self._sums, self._n),
            "quality.bins": np.concatenate([self._bins, self._by_label[None]]),
            **self._median.state(),
            **self._recent.state(),
        }

    def load(self, arrays: Arrays) -> None:
        """Go on from there."""
        self._sums = arrays["quality.sums"][:-1].copy()
        self._n = int(arrays["quality.sums"][-1])
        self._bins, self._by_label = arrays["quality.bins"][:3].copy(), arrays["quality.bins"][3]
        self._by_label = self._by_label.copy()
        self._median.load(arrays)
        self._recent.load(arrays)

    def _recent_means(self) -> F64:
        served, base, labels = self._recent.rows.T.astype(np.float64)
        return np.asarray(_errors(served, base, labels).mean(axis=0))


def known(
    since_start: Mapping[str, float], recent: Mapping[str, float], n: int, window: int
) -> dict[str, float]:
    """Figures under their names, `recent_` before those of the window; NaN is left out."""
    named = {**since_start, **{f"recent_{k}": v for k, v in recent.items()}}
    finite = {k: float(v) for k, v in named.items() if math.isfinite(v)}
    return {"evaluated": float(n), "window": float(window), **(finite if n else {})}


def total(sums: F64, rows: F64) -> F64:
    """`sums` plus every row, one after the other: the same bits for any cutting into blocks."""
    return np.asarray(np.add.accumulate(np.concatenate([sums[None], rows]))[-1])


def _losses(served: F64, base: F64, labels: F64) -> F64:
    brier, base_brier = (served - labels) ** 2, (base - labels) ** 2
    columns = [log_losses(served, labels), brier, log_losses(base, labels), base_brier]
    return np.stack(columns, axis=1)


def _errors(served: F64, base: F64, labels: F64) -> F64:
    return np.stack([np.abs(served - labels), np.abs(base - labels), served, labels], axis=1)


def _amount_bin(amounts: F64) -> I64:
    steps = np.minimum(np.maximum(np.log1p(amounts) * 64, 0), _AMOUNT_BINS - 1)
    bins: I64 = steps.astype(np.int64)
    return bins


def _logit_bin(served: F64) -> I64:
    p = np.minimum(np.maximum(served, 1e-7), 1 - 1e-7)
    steps = (np.log(p / (1 - p)) + _LOGIT_END) * _LOGIT_STEPS
    bins: I64 = np.minimum(np.maximum(steps, 0), _LOGIT_BINS - 1).astype(np.int64)
    return bins
