"""The batch oracle: what it knows, when it knows it, and on which rows it is judged."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("lightgbm")
pytest.importorskip("sklearn")

from launcher.evaluation import batch_oracle
from launcher.evaluation.batch_oracle import WEEK_MS, compare
from launcher.evaluation.judge import Examples, figures

T0 = 1_483_228_800_000
N = 6_000


def examples(seed: int = 5) -> Examples:
    """20 weeks of openings whose label follows the first feature and is known two weeks later."""
    rng = np.random.default_rng(seed)
    opened = np.sort(T0 + rng.integers(0, 20 * WEEK_MS, N))
    x = rng.normal(size=(N, 5)).astype(np.float16)
    p = 1 / (1 + np.exp(-2.0 * x[:, 0].astype(np.float64)))
    label = (rng.random(N) < p).astype(np.float64)
    return Examples(opened + 2 * WEEK_MS, opened, x, label, p, np.arange(N) >= 100)


@pytest.fixture
def small_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer rounds: these tests are not about quality."""
    monkeypatch.setattr(batch_oracle, "ROUNDS", 20)


@pytest.mark.usefixtures("small_trees")
def test_all_are_judged_on_the_same_rows() -> None:
    """Rows after the day from which on is compared, where everybody had a model."""
    since = T0 + 8 * WEEK_MS
    found = compare(examples(), "probability", since)
    assert found.examples == np.count_nonzero(examples().open_ts >= since)
    assert set(found.batch) == {"lightgbm", "logistic", "baseline"}
    assert found.online["auc"] == pytest.approx(found.batch["logistic"]["auc"], abs=0.02)
    assert found.batch["lightgbm"]["auc"] > 0.8
    assert abs(found.batch["baseline"]["auc"] - 0.5) < 0.05
    assert found.weeks == 12


@pytest.mark.usefixtures("small_trees")
def test_only_matured_labels_are_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each week's training set is exactly what was known at its beginning."""
    seen: list[int] = []

    def spy(x: np.ndarray, labels: np.ndarray, of: np.ndarray) -> np.ndarray:
        seen.append(len(x))
        return np.full(len(of), labels.mean())

    monkeypatch.setattr(batch_oracle, "_models", lambda link: {"spy": spy})
    since = T0 + 8 * WEEK_MS
    compare(examples(), "probability", since)
    deadline = examples().deadline
    known = [np.count_nonzero(deadline < since + w * WEEK_MS) for w in range(12)]
    assert seen == known


@pytest.mark.usefixtures("small_trees")
def test_weeks_without_labels_are_left_out_for_all() -> None:
    """Before anything has matured nobody is judged, online neither."""
    found = compare(examples(), "probability", T0)
    assert 0 < found.examples < np.count_nonzero(examples().open_ts >= T0 + 2 * WEEK_MS)


@pytest.mark.usefixtures("small_trees")
def test_amounts() -> None:
    """Trees and the median; there is no logistic regression of amounts."""
    e = examples()
    spent = np.expm1(np.maximum(0, 2 + e.vector[:, 0].astype(np.float64)))
    amounts = Examples(e.deadline, e.open_ts, e.vector, spent, spent + 1, e.trained)
    found = compare(amounts, "amount", T0 + 8 * WEEK_MS)
    assert set(found.batch) == {"lightgbm", "baseline"}
    assert found.online == {"mae": pytest.approx(1.0)}
    assert found.batch["lightgbm"]["mae"] < found.batch["baseline"]["mae"]


def test_figures_that_do_not_apply_are_left_out() -> None:
    """One class has no AUC, amounts have an error only, nothing has nothing."""
    one = figures("probability", np.array([0.2, 0.4]), np.zeros(2))
    assert set(one) == {"logloss", "ece"}
    assert set(figures("amount", np.ones(2), np.ones(2))) == {"mae"}
    assert figures("probability", np.empty(0), np.empty(0)) == {}
