"""Quality by segment: the figures of `progressive.py` for groups of people.

The constant beside a segment's figures is the best one for that very segment and time, chosen with
hindsight: its share of positives, or the median of its amounts. So a model gets no credit for
knowing which segment somebody is in, and the constant is harder to beat than the running one of
everybody. Since the start all is known by bins of 1/8 of a logit, or of ln(1 + amount).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

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
)
from models.recent import Recent

WINDOW = 2_048
"""Recent examples, those of all segments together."""

_STEPS = 8.0
_LOGITS = 128
_AMOUNTS = 160

Curve = list[list[float]]
"""[examples, mean probability, share of positives] of each bin."""


class SegmentQuality:
    """Judges served values of people in segments; no figure depends on how blocks were cut."""

    def __init__(self, link: Link, names: Sequence[str]) -> None:
        self._amount, self.names = link == "amount", tuple(names)
        shape = (4 + 2, _AMOUNTS) if self._amount else (5, _LOGITS)
        # Probabilities: examples, served, positives, log-losses, squared errors by bin of served.
        # Amounts: examples, labels, served, errors by bin of served; examples, labels by label.
        self._bins = np.zeros((len(self.names), *shape))
        self._recent = Recent("segments.recent", WINDOW, np.float32, 3)

    def add(self, served: F64, labels: F64, segments: I64) -> None:
        """Judge these, in order."""
        if not len(served):
            return
        _, rows, bins = self._bins.shape
        flat, start = self._bins.reshape(-1), segments * (rows * bins)
        if self._amount:
            seen = np.array([np.ones(len(labels)), labels, served, np.abs(served - labels)])
            _add(flat, start + _bin(np.log1p(served), 0.0, bins), seen, bins)
            _add(flat, start + 4 * bins + _bin(np.log1p(labels), 0.0, bins), seen[:2], bins)
        else:
            p = np.minimum(np.maximum(served, 1e-7), 1 - 1e-7)
            off = served - labels
            loss = -np.log(np.where(labels > 0, p, 1 - p))
            seen = np.array([np.ones(len(labels)), served, labels, loss, off * off])
            _add(flat, start + _bin(np.log(p / (1 - p)), bins / 2, bins), seen, bins)
        self._recent.add(np.array([served, labels, segments]).T)

    def figures(self) -> dict[str, dict[str, float]]:
        """By segment, those of the recent examples under `recent_` names; unknown ones left out."""
        served, labels, of = self._by_served()
        found = {}
        for i, name in enumerate(self.names):
            n = self._bins[i, 0].sum()
            if not n:
                continue
            figures = _amounts(self._bins[i]) if self._amount else _probabilities(self._bins[i])
            mine = np.flatnonzero(of == i)
            judge = _recent_amounts if self._amount else _recent_probabilities
            recent = judge(served[mine], labels[mine]) if len(mine) else {}
            figures |= {f"recent_{k}": v for k, v in recent.items()}
            known = {k: float(v) for k, v in figures.items() if math.isfinite(v)}
            found[name] = {"evaluated": float(n), "window": float(len(mine)), **known}
        return found

    def curves(self) -> dict[str, tuple[Curve, Curve]]:
        """Of probabilities, by segment: calibration since the start, and recent."""
        if self._amount:
            return {}
        served, labels, of = self._by_served()
        found = {}
        for i, name in enumerate(self.names):
            if self._bins[i, 0].any():
                mine = of == i
                whole = calibration_curve(*self._bins[i, :3])
                found[name] = whole, curve(served[mine], labels[mine])
        return found

    def _by_served(self) -> F64:
        """(3, n) served values, labels and segments of the recent examples, in order.

        Measures sort too, and what is in order already takes them a tenth of the time.
        """
        rows = self._recent.rows
        return np.asarray(rows[rows[:, 0].argsort(kind="stable")].T.astype(np.float64))

    def state(self) -> Arrays:
        """All that it knows."""
        return {"segments.bins": self._bins.copy(), **self._recent.state()}

    def load(self, arrays: Arrays) -> None:
        """Go on from there."""
        self._bins = arrays["segments.bins"].copy()
        self._recent.load(arrays)


def curve(served: F64, labels: F64) -> Curve:
    """Calibration of single examples."""
    order = np.argsort(served, kind="stable")
    return calibration_curve(np.ones(len(served)), served[order], labels[order])


def _probabilities(bins: F64) -> dict[str, float]:
    count, probability, positive, loss, square = bins
    n, share = count.sum(), positive.sum() / count.sum()
    return {
        "log_loss": loss.sum() / n, "brier": square.sum() / n, **_constant(share),
        "auc": binned_auc(count, positive),
        "ece": binned_calibration_error(count, probability, positive), "positive_share": share,
    }  # fmt: skip


def _recent_probabilities(served: F64, labels: F64) -> dict[str, float]:
    share = float(labels.mean())
    return {
        "log_loss": log_losses(served, labels).mean(), "brier": ((served - labels) ** 2).mean(),
        **_constant(share), "auc": auc(served, labels), "ece": calibration_error(served, labels),
        "positive_share": share,
    }  # fmt: skip


def _constant(share: float) -> dict[str, float]:
    """Losses of the share of positives itself."""
    if not 0 < share < 1:
        return {"base_log_loss": 0.0, "base_brier": 0.0}
    entropy = -share * math.log(share) - (1 - share) * math.log(1 - share)
    return {"base_log_loss": entropy, "base_brier": share * (1 - share)}


def _amounts(bins: F64) -> dict[str, float]:
    count, label, served, error, by_label, amount = bins
    n, best = count.sum(), binned_gini(by_label, amount)
    at = int(by_label.cumsum().searchsorted(by_label.sum() / 2))
    median = amount[at] / by_label[at]
    return {
        "mae": error.sum() / n, "base_mae": np.abs(amount - median * by_label).sum() / n,
        "mean_served": served.sum() / n, "mean_label": label.sum() / n,
        "gini": binned_gini(count, label) / best if best else math.nan,
    }  # fmt: skip


def _recent_amounts(served: F64, labels: F64) -> dict[str, float]:
    return {
        "mae": np.abs(served - labels).mean(),
        "base_mae": np.abs(labels - np.median(labels)).mean(),
        "mean_served": served.mean(), "mean_label": labels.mean(),
        "gini": normalised_gini(served, labels),
    }  # fmt: skip


def _add(flat: F64, start: I64, rows: F64, step: int) -> None:
    """rows[k, i] onto flat[start[i] + k * step], in order."""
    at = start + (np.arange(len(rows)) * step)[:, None]
    np.add.at(flat, at.reshape(-1), rows.reshape(-1))


def _bin(x: F64, shift: float, bins: int) -> I64:
    at: I64 = np.minimum(np.maximum(x * _STEPS + shift, 0.0), bins - 1.0).astype(np.int64)
    return at
