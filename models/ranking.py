"""Measures of ranked lists against what was bought, each pure and over rows of lists.

`hits` is (n, k): whether the item at each rank was bought, best rank first. `bought` is (n,): how
many items were bought, at least 1.
"""

from __future__ import annotations

import numpy as np

from afflux.columns import F64, I64, Bool


def recall(hits: Bool, bought: I64) -> F64:
    """Share of the hits that a list of k can have: hits / min(k, bought).

    As Liang et al., Variational Autoencoders for Collaborative Filtering, WWW 2018: a perfect list
    has 1 however large the basket is. `whole_recall` divides by the whole basket.

    >>> recall(np.array([[True, False, True]]), np.array([12])).round(3).tolist()
    [0.667]
    """
    return np.asarray(hits.sum(axis=1) / np.minimum(bought, hits.shape[1]), np.float64)


def whole_recall(hits: Bool, bought: I64) -> F64:
    """Share of what was bought that is in the list.

    >>> whole_recall(np.array([[True, False, True]]), np.array([8])).tolist()
    [0.25]
    """
    return np.asarray(hits.sum(axis=1) / bought, np.float64)


def ndcg(hits: Bool, bought: I64) -> F64:
    """Discounted gain, 1 / log2(1 + rank) of every hit, divided by that of a perfect list.

    Järvelin and Kekäläinen, ACM TOIS 20(4), 2002, with gains of 0 and 1.

    >>> ndcg(np.array([[False, True]]), np.array([1])).round(4).tolist()
    [0.6309]
    """
    discount = 1.0 / np.log2(np.arange(2, hits.shape[1] + 2))
    perfect = np.cumsum(discount)[np.minimum(bought, hits.shape[1]) - 1]
    return np.asarray(hits @ discount / perfect, np.float64)
