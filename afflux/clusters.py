"""Audience clusters: which group of alike people a feature vector belongs to.

The centroids are learned elsewhere (`models/clusters.py`); here is one array operation. Whoever
has a cluster stays in it unless another centroid is nearer by a margin, so that people between two
groups do not go to and fro.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afflux.columns import F64, I64, U32

HABITS = ("gap_mean", "mean_basket", "mean_basket_items", "views_60d")
"""Features by which people are alike, which change slowly and only by what a person does: none that
grows by waiting, such as recency or tenure, which a silent person would change clusters by. All are
ln(1 + x)."""

NO_CLUSTER = 0
"""The id of nobody's cluster: of those who were not assigned yet."""

_LEAST_SPREAD = 1e-3

MARGIN = 0.1
"""Another centroid takes somebody over when its distance is smaller by this share."""


@dataclass(frozen=True, slots=True)
class Clustering:
    """Centroids in the space of some features, each divided by its scale.

    >>> two = Clustering(np.array([7, 9]), np.array([[0.0], [1.0]]), np.ones(1), np.array([1]))
    >>> x = np.array([[5, 0.45], [5, 0.52], [5, 0.9]], np.float16)
    >>> two.assign(x, np.array([0, 7, 7], np.uint32)).tolist()
    [7, 7, 9]
    """

    ids: I64
    """(k,) of the clusters, each larger than 0; an id is never used again."""
    centroids: F64
    """(k, c) in the unit of the features."""
    scale: F64
    """(c,) by which differences are divided."""
    columns: I64
    """(c,) of the feature matrix."""

    def distances(self, points: F64) -> F64:
        """(n, k) squared distances of (n, c) points."""
        scaled = points / self.scale
        centres = self.centroids / self.scale
        squares = (scaled * scaled).sum(axis=1)[:, None] + (centres * centres).sum(axis=1)
        return np.asarray(np.maximum(squares - 2.0 * (scaled @ centres.T), 0.0))

    def assign(self, matrix: NDArray[np.float16], previous: U32) -> U32:
        """Ids of the clusters of the (n, features) matrix; previous: (n,) ids, 0 none."""
        points = matrix[:, self.columns].astype(np.float64)
        return self.stay(self.distances(points), previous).astype(np.uint32)

    def stay(self, distances: F64, previous: I64 | U32) -> I64:
        """Ids by (n, k) squared distances, of which those of `previous` have the margin."""
        rows = np.arange(len(distances))
        nearest = distances.argmin(axis=1)
        is_old = previous[:, None] == self.ids
        old = is_old.argmax(axis=1)
        kept = is_old[rows, old]
        kept &= distances[rows, nearest] > (1.0 - MARGIN) ** 2 * distances[rows, old]
        return np.asarray(self.ids[np.where(kept, old, nearest)])


def nearness(habits: F64, one: F64) -> F64:
    """1 / (1 + d) of (n, c) people to one (c,); d: distance in standard deviations of the people.

    So it is 1 for the same habits, and the nearest are those that clusters put together.

    >>> nearness(np.array([[0.0], [2.0]]), np.array([0.0])).tolist()
    [1.0, 0.3333333333333333]
    """
    spread = habits.std(axis=0) if len(habits) else np.ones(len(one))
    apart = (habits - one) / np.where(spread > _LEAST_SPREAD, spread, 1.0)
    return np.asarray(1.0 / (1.0 + np.sqrt((apart * apart).sum(axis=1))))


def named_columns(features: Sequence[str], wanted: Sequence[str]) -> I64:
    """Places of the wanted features.

    >>> named_columns(["a", "b", "c"], ["c", "a"]).tolist()
    [2, 0]
    """
    return np.array([list(features).index(name) for name in wanted], np.int64)
