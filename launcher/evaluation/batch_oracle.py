"""What a batch team would run: models trained anew every week on all labels known by then.

The same rows and the same features as online. At the beginning of each week LightGBM and a
logistic regression are trained on the examples whose label has matured (the window and the
lateness of the outcome are over), and predict the openings of that week. The baseline is the
share of positives, or the median amount, of what has matured at the moment of each opening.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

from afflux.columns import F64, I64
from afflux.limits import DAY_MS
from afflux.scoring import F32, Link
from launcher.errors import MissingProgram
from launcher.evaluation.judge import Examples, figures
from models.running_median import RunningMedian

WEEK_MS = 7 * DAY_MS

LEAST = 200
"""Matured examples without which nothing is trained."""

ROUNDS = 150
_TREES = {
    "learning_rate": 0.04, "num_leaves": 15, "min_data_in_leaf": 200, "lambda_l2": 5.0,
    "feature_fraction": 0.5, "bagging_fraction": 0.7, "bagging_freq": 1,
    "verbosity": -1, "seed": 1, "deterministic": True, "force_row_wise": True, "num_threads": 1,
}  # fmt: skip
"""Small trees of parts of the data: of three settings tried on The Complete Journey (no purchase
within 28 days) the best: AUC .915; with 8 leaves .913, with 31 leaves of all of it .911.

One thread: threads that wait for each other on a busy machine cost ten times the time."""

Predict = Callable[[F32, F64, F32], F64]
"""(features and labels to learn, features to predict) -> predictions."""


@dataclass(frozen=True)
class Comparison:
    """Figures over exactly the same rows."""

    examples: int
    positives: int
    online: Mapping[str, float]
    batch: Mapping[str, Mapping[str, float]]
    weeks: int


def check_installed() -> None:
    """Raises MissingProgram where the oracle's packages are not there."""
    missing = [name for name in ("lightgbm", "sklearn") if find_spec(name) is None]
    if missing:
        raise MissingProgram(
            f"--against batch needs {' and '.join(missing)}", hint="pip install 'afflux[evaluate]'"
        )


def compare(
    examples: Examples, link: Link, since: int, told: Callable[[int, int], None] | None = None
) -> Comparison:
    """Online, batch and baseline on the examples that opened from `since` on.

    told: hears (weeks done, weeks). Rows that online or batch could not predict yet are left out
    for all.
    """
    found = predictions(examples, link, since, told)
    label = found.label
    return Comparison(
        examples=len(label),
        positives=int(np.count_nonzero(label > 0)),
        online=figures(link, found.online, label),
        batch={name: figures(link, p, label) for name, p in found.batch.items()},
        weeks=found.weeks,
    )


@dataclass(frozen=True)
class Predictions:
    """What was predicted of each example that all could predict, in the order of closing."""

    row: I64
    """Of the example among all that there are."""
    label: F64
    online: F64
    batch: Mapping[str, F64]
    weeks: int


def predictions(
    examples: Examples, link: Link, since: int, told: Callable[[int, int], None] | None = None
) -> Predictions:
    """As `compare`, example by example."""
    order = np.argsort(examples.deadline, kind="stable")
    deadline, label = examples.deadline[order], examples.label[order]
    opened, x = examples.open_ts[order], examples.vector[order].astype(np.float32)
    predicted = {name: np.full(len(order), np.nan) for name in _models(link)}
    weeks = _weeks(opened, since)
    for done, (start, end) in enumerate(weeks):
        known = int(np.searchsorted(deadline, start))
        here = ((opened >= start) & (opened < end)).nonzero()[0]
        if len(here) and _learnable(link, label[:known]):
            for name, predict in _models(link).items():
                predicted[name][here] = predict(x[:known], label[:known], x[here])
        if told is not None:
            told(done + 1, len(weeks))
    predicted["baseline"] = _baseline(link, deadline, label, opened)
    rows = (opened >= since) & examples.trained[order]
    for values in predicted.values():
        rows &= ~np.isnan(values)
    return Predictions(
        order[rows], label[rows], examples.served[order][rows],
        {name: p[rows] for name, p in predicted.items()}, len(weeks),
    )  # fmt: skip


def _weeks(opened: I64, since: int) -> list[tuple[int, int]]:
    later = opened[opened >= since]
    if not len(later):
        return []
    end = int(later.max()) + 1
    return [(start, start + WEEK_MS) for start in range(since, end, WEEK_MS)]


def _learnable(link: Link, labels: F64) -> bool:
    if len(labels) < LEAST:
        return False
    return link == "amount" or 0 < labels.sum() < len(labels)


def _models(link: Link) -> dict[str, Predict]:
    if link == "amount":
        return {"lightgbm": _trees_of_amounts}
    return {"lightgbm": _trees, "logistic": _logistic}


def _trees(x: F32, labels: F64, of: F32) -> F64:
    return _boosted({"objective": "binary"}, x, labels, of)


def _trees_of_amounts(x: F32, labels: F64, of: F32) -> F64:
    """Absolute error of ln(1 + amount): its best answer is the median, as of the amount itself."""
    answer = _boosted({"objective": "l1"}, x, np.log1p(labels), of)
    return np.asarray(np.maximum(0.0, np.expm1(answer)))


def _boosted(what: Mapping[str, object], x: F32, target: F64, of: F32) -> F64:
    import lightgbm

    params = {**_TREES, **what}
    data = lightgbm.Dataset(x, target, params=params)
    return np.asarray(lightgbm.train(params, data, ROUNDS).predict(of), np.float64)


def _logistic(x: F32, labels: F64, of: F32) -> F64:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=200))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(x, labels > 0)
        return np.asarray(model.predict_proba(of)[:, 1], np.float64)


def _baseline(link: Link, deadline: I64, label: F64, opened: I64) -> F64:
    """Of each opening the constant that its day knew; `deadline` ascends."""
    known = np.searchsorted(deadline, opened)
    if link == "amount":
        after = RunningMedian().before(np.append(label, 0.0))
        return after[known]
    positives = np.concatenate([[0.0], np.cumsum(label)])
    share: F64 = (positives[known] + 1.0) / (known + 2.0)
    return share
