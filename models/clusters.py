"""Audience clusters, learned online: k-means whose centroids follow the people.

A vector comes in with every opening of an example. It updates a sample of people
(`models/people_sample.py`), so that somebody who acts daily counts no more than somebody who acts
monthly. After so many openings the clusters take a turn: everybody of the sample goes to the
nearest centroid (with the margin of `afflux/clusters.py`), and each centroid moves a bounded share
of the way to the mean of its people, as the learning rate of mini-batch k-means that does not
vanish (Sculley, "Web-scale k-means clustering", WWW 2010, without its decay). So a cluster keeps
its id while it follows its people. One that is left by nearly all of them, or is the twin of
another by now, ends; the widest is split instead, and both of its parts get new ids.

The state depends on the openings and their order only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from afflux.clusters import HABITS, NO_CLUSTER, Clustering, named_columns
from afflux.columns import F64, I64
from afflux.limits import DAY_MS
from afflux.wording import say
from models.contract import Arrays, Vectors
from models.people_sample import PeopleSample, adjusted_rand

FEATURES = HABITS

SAMPLE = 2_048
FIRST = 200
"""People who must be known before there are clusters."""

TURN = 128
"""Openings between two turns."""


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """The same for all data sets."""

    clusters: int = 4
    rate: float = 0.2
    """Share of the way to the mean of its people that a centroid goes in a turn."""
    least: float = 0.005
    """A cluster with a smaller share of the people ends, after so many turns."""
    patience: int = 50
    twins: float = 0.3
    """Standard deviations: of two centroids that are nearer the later one ends as well."""


@dataclass(slots=True)
class _Figures:
    """Of the day before, and averages of all days."""

    day: int = 0
    days: int = 0
    stability: float = 1.0
    total: float = 0.0
    retired: int = 0

    def as_array(self) -> F64:
        return np.array([self.day, self.days, self.stability, self.total, self.retired], float)


@dataclass(slots=True)
class ClusterLearner:
    """All that is known of the clusters."""

    features: Sequence[str]
    settings: ClusterSettings = field(default_factory=ClusterSettings)
    openings: int = 0
    _sample: PeopleSample = field(init=False)
    _columns: I64 = field(init=False)
    _ids: I64 = field(init=False)
    _centroids: F64 = field(init=False)
    _scale: F64 = field(init=False)
    _starved: I64 = field(init=False)
    _next: int = 1
    _figures: _Figures = field(default_factory=_Figures)

    def __post_init__(self) -> None:
        self._columns = named_columns(self.features, FEATURES)
        self._sample = PeopleSample(SAMPLE, len(FEATURES))
        self._ids = np.empty(0, np.int64)
        self._centroids = np.empty((0, len(FEATURES)))
        self._scale = np.ones(len(FEATURES))
        self._starved = np.empty(0, np.int64)

    @property
    def clustering(self) -> Clustering | None:
        """What assigns, as a copy; None before there are enough people."""
        if not len(self._ids):
            return None
        return Clustering(
            self._ids.copy(), self._centroids.copy(), self._scale.copy(), self._columns
        )

    def learn(self, hashes: I64, vectors: Vectors, opened: I64) -> None:
        """Openings in order: whose, (n, features) as they were scored, event times in ms."""
        points = vectors[:, self._columns]
        days = opened // DAY_MS
        at = 0
        while at < len(points):
            if days[at] > self._figures.day:
                self._new_day(int(days[at]))
            end = min(len(points), at + TURN - self.openings % TURN)
            ahead = (days[at:end] > self._figures.day).nonzero()[0]
            if len(ahead):
                end = at + int(ahead[0])
            self._sample.add(hashes[at:end], points[at:end])
            self.openings += end - at
            at = end
            if self.openings % TURN == 0:
                self._turn()

    def forget(self, hash: int) -> bool:
        """Drop somebody from the sample; whether they were in it. What centroids are, they stay."""
        return self._sample.drop(np.array([hash])) > 0

    def habits_of(self, hash: int) -> dict[str, float] | None:
        """What the sample holds of somebody: their features, and the id of their cluster."""
        sample = self._sample
        at = int(sample.hashes.searchsorted(hash))
        if at == len(sample) or int(sample.hashes[at]) != hash:
            return None
        vector = dict(zip(FEATURES, sample.vectors[at].tolist(), strict=True))
        return {**vector, "cluster": float(sample.cluster[at])}

    # --- turns ---------------------------------------------------------------------------------

    def _turn(self) -> None:
        sample = self._sample
        if len(sample) < FIRST:
            return
        points = sample.vectors.astype(np.float64)
        spread = points.std(axis=0)
        self._scale = np.where(spread > 1e-3, spread, 1.0)
        if not len(self._ids):
            self._seed(points)
        clustering = self._assigned(points)
        for j, id in enumerate(clustering.ids.tolist()):
            own = sample.cluster == id
            if own.any():
                self._centroids[j] += self.settings.rate * (
                    points[own].mean(axis=0) - self._centroids[j]
                )
            left = own.sum() < self.settings.least * len(sample) or self._has_twin(j)
            self._starved[j] = self._starved[j] + 1 if left else 0
        if self._starved.max() >= self.settings.patience:
            self._replace(int(self._starved.argmax()), points)

    def _has_twin(self, j: int) -> bool:
        """Whether an earlier cluster is nearer than standard deviations tell apart."""
        apart = (self._centroids[:j] - self._centroids[j]) / self._scale
        return bool(((apart * apart).sum(axis=1) < self.settings.twins**2).any())

    def _assigned(self, points: F64) -> Clustering:
        clustering = Clustering(self._ids, self._centroids, self._scale, self._columns)
        distances = clustering.distances(points)
        self._sample.cluster = clustering.stay(distances, self._sample.cluster)
        return clustering

    def _seed(self, points: F64) -> None:
        k = self.settings.clusters
        self._centroids = _k_means(points / self._scale, k) * self._scale
        self._ids = np.arange(self._next, self._next + k)
        self._starved = np.zeros(k, np.int64)
        self._next += k

    def _replace(self, j: int, points: F64) -> None:
        """End cluster j; split the widest one, whose parts get new ids."""
        away = self._sample.cluster == self._ids[j]
        distances = ((points - self._centroids[:, None]) / self._scale) ** 2
        own = self._sample.cluster == self._ids[:, None]
        own[:, away] = False
        widest = int(np.where(own, distances.sum(axis=2), 0.0).sum(axis=1).argmax())
        parts = _k_means(points[own[widest]] / self._scale, 2) * self._scale
        for place, part in zip((widest, j), parts, strict=True):
            self._ids[place], self._centroids[place] = self._next, part
            self._starved[place] = 0
            self._next += 1
        self._figures.retired += 2
        self._assigned(points)

    def _new_day(self, day: int) -> None:
        """Compare with the day before, of people who had a cluster then."""
        sample, figures = self._sample, self._figures
        known = (sample.yesterday != NO_CLUSTER) & (sample.cluster != NO_CLUSTER)
        if known.sum() > 1:
            figures.stability = adjusted_rand(sample.yesterday[known], sample.cluster[known])
            figures.days += 1
            figures.total += figures.stability
        sample.yesterday = sample.cluster.copy()
        figures.day = day

    # --- what is known -------------------------------------------------------------------------

    def sizes(self) -> list[int]:
        """About how many people each cluster has."""
        mine = self._sample.cluster
        share = [float((mine == id).mean()) if len(mine) else 0.0 for id in self._ids.tolist()]
        return [round(s * self._sample.people) for s in share]

    def metrics(self) -> dict[str, float]:
        """Adjusted Rand index of the last two days and on average; silhouette; how many ended."""
        figures = self._figures
        found = {"people": self._sample.people, "retired": float(figures.retired)}
        if figures.days:
            found |= {
                "stability": figures.stability,
                "mean_stability": figures.total / figures.days,
            }
        some = self._sample.cluster[:_JUDGED]
        if len(np.unique(some)) > 1:
            points = self._sample.vectors[:_JUDGED].astype(np.float64) / self._scale
            found["silhouette"] = silhouette(points, some)
        return found

    def descriptions(self) -> list[str]:
        """Each cluster in words: what is furthest from the population first."""
        if not len(self._ids):
            return []
        middle = self._sample.vectors.astype(np.float64).mean(axis=0)
        return [describe(c, (c - middle) / self._scale) for c in self._centroids]

    def state(self) -> Arrays:
        """All that it knows, as a copy."""
        return {
            **self._sample.state(),
            "ids": self._ids.copy(),
            "centroids": self._centroids.copy(),
            "scale": self._scale.copy(),
            "starved": self._starved.copy(),
            "counts": np.array([self.openings, self._next]),
            "figures": self._figures.as_array(),
        }

    def load(self, arrays: Arrays) -> None:
        """Go on from there."""
        self._sample.load(arrays)
        self._ids, self._centroids = arrays["ids"].copy(), arrays["centroids"].copy()
        self._scale, self._starved = arrays["scale"].copy(), arrays["starved"].copy()
        self.openings, self._next = arrays["counts"].tolist()
        day, days, stability, total, retired = arrays["figures"].tolist()
        self._figures = _Figures(int(day), int(days), stability, total, int(retired))


_JUDGED = 512
"""People whose silhouettes are looked at: those with the smallest hashes, a sample of a sample."""

SAID = 3
"""Features that a description names."""


def describe(centroid: F64, apart: F64) -> str:
    """A centroid in the words of marketers; apart: standard deviations from the population.

    >>> describe(np.log1p([7, 60, 12, 0]), np.array([-1.0, 0.9, 0.1, 0.0]))
    'buys every 7 days as a rule, 60 spent per purchase, 12 items per purchase'
    """
    order = np.argsort(-np.abs(apart), kind="stable")[:SAID]
    return ", ".join(_words(FEATURES[f], float(centroid[f])) for f in sorted(order.tolist()))


def _words(feature: str, value: float) -> str:
    if feature == "gap_mean" and value < _ONE_HOUR:
        return "bought once or not yet"
    return say(feature, value)


_ONE_HOUR = float(np.log1p(1 / 24))


def silhouette(points: F64, labels: I64) -> float:
    """Mean of (b - a) / max(a, b): distances to the own cluster and to the next one.

    Rousseeuw, "Silhouettes", Journal of Computational and Applied Mathematics 1987. NaN for one
    cluster.
    """
    names, label = np.unique(labels, return_inverse=True)
    if len(names) < 2:
        return float("nan")
    squares = (points * points).sum(axis=1)
    apart = np.sqrt(np.maximum(squares[:, None] + squares - 2.0 * points @ points.T, 0.0))
    one_hot = label[:, None] == np.arange(len(names))
    count = one_hot.sum(axis=0)
    total = apart @ one_hot
    rows = np.arange(len(points))
    others = count[label] - 1
    own = total[rows, label] / np.maximum(others, 1)
    mean = total / count
    mean[rows, label] = np.inf
    next_one = mean.min(axis=1)
    widest = np.maximum(np.maximum(own, next_one), 1e-300)
    return float(np.where(others > 0, (next_one - own) / widest, 0.0).mean())


_TRIES, _ROUNDS = 4, 15


def _k_means(points: F64, k: int) -> F64:
    """The best of some runs of Lloyd's algorithm from k-means++ seeds; the same in every process.

    Arthur & Vassilvitskii, "k-means++", SODA 2007.
    """
    best, least = points[:k], np.inf
    for attempt in range(_TRIES):
        centres = _spread(points, k, np.random.default_rng(attempt))
        for _ in range(_ROUNDS):
            own = _squares(points, centres).argmin(axis=1)
            for j in range(k):
                if (own == j).any():
                    centres[j] = points[own == j].mean(axis=0)
        inertia = float(_squares(points, centres).min(axis=1).sum())
        if inertia < least:
            best, least = centres, inertia
    return best


def _spread(points: F64, k: int, random: np.random.Generator) -> F64:
    centres = points[random.integers(len(points))][None]
    while len(centres) < k:
        weight = _squares(points, centres).min(axis=1)
        total = weight.sum()
        chance = weight / total if total > 0 else None
        centres = np.vstack([centres, points[random.choice(len(points), p=chance)]])
    return np.asarray(centres)


def _squares(points: F64, centres: F64) -> F64:
    return np.asarray(((points[:, None] - centres) ** 2).sum(axis=2))
