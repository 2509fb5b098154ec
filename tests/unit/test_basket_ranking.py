"""Measures of ranked lists, by hand and beside scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from basket_logs import baskets
from launcher.evaluation.basket_replay import Means
from models.ranking import ndcg, recall, whole_recall


def test_by_hand() -> None:
    """Two lists of three: the first and third of two are right; one of five."""
    hits = np.array([[True, False, True], [False, True, False]])
    bought = np.array([2, 5])
    assert recall(hits, bought).tolist() == pytest.approx([1.0, 1 / 3])
    assert whole_recall(hits, bought).tolist() == pytest.approx([1.0, 1 / 5])
    second, third = 1 / np.log2(3), 1 / np.log2(4)
    assert ndcg(hits, bought).tolist() == pytest.approx(
        [(1 + third) / (1 + second), second / (1 + second + third)]
    )


def test_ndcg_equals_that_of_scikit_learn() -> None:
    """Over whole rankings of 40 items, cut at ten."""
    metrics = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(3)
    truth = random.random((50, 40)) < 0.3
    truth[:, 0] = True
    scores = random.random((50, 40))
    order = np.argsort(-scores, axis=1)[:, :10]
    ours = ndcg(np.take_along_axis(truth, order, axis=1), truth.sum(axis=1))
    theirs = [
        metrics.ndcg_score(t[None], s[None], k=10) for t, s in zip(truth, scores, strict=True)
    ]
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_repeats_and_new_items_are_told_apart() -> None:
    """Each over the baskets that have some: one basket with both, one with new items only."""
    means = Means()
    lists = np.array([[1, 2, 3], [9, 8, 0]], np.uint64)
    owned = np.array([True, True, False, False])
    means.add(lists, baskets((0, [1, 5, 3]), (0, [7])), owned)
    figures = means.figures()
    assert figures["recall10_repeat"] == pytest.approx(1 / 2)  # 1 of 1 and 5
    assert figures["recall10_explore"] == pytest.approx((1 + 0) / 2)  # 3; not 7
    assert figures["recall10"] == pytest.approx((2 / 3 + 0) / 2)
