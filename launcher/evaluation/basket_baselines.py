"""What a recommender has to beat: popularity, and what a person bought most.

Both keep everything, without bounds, and are exact at every basket.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from afflux.columns import F64, U64, Bool

HALF_LIFE_DAYS = 90.0
_SPARE = 20
"""Popular items that are at hand: ten, and as many as somebody with fewer than ten may own."""


class Popularity:
    """Baskets with an item, halved in 90 days; the order of the first twenty is always right.

    Weights grow forwards (x 2^(days / 90)), so an item only rises by being bought.
    """

    def __init__(self) -> None:
        self.weight: dict[int, float] = {}
        self.top: list[int] = []

    def add(self, keys: list[int], days: float) -> None:
        """A basket."""
        more = 2.0 ** (days / HALF_LIFE_DAYS)
        for key in keys:
            self.weight[key] = self.weight.get(key, 0.0) + more
        rising = dict.fromkeys([*self.top, *keys])
        self.top = sorted(rising, key=lambda k: (-self.weight[k], k))[:_SPARE]


class Frequency:
    """A person's own items by frequency, halved in 90 days; popularity breaks ties and fills."""

    def __init__(self, popularity: Popularity) -> None:
        self._popularity = popularity
        self._keys: dict[int, U64] = {}
        self._weights: dict[int, F64] = {}

    def owned(self, who: int, keys: U64) -> Bool:
        """Which of the keys this person has bought before."""
        return np.isin(keys, self._keys.get(who, _NOTHING))

    def best(self, who: int, count: int) -> list[int]:
        """The list of this person now."""
        keys, weights = self._keys.get(who, _NOTHING), self._weights.get(who, _NO_WEIGHT)
        if len(keys) > count:
            least = np.partition(weights, len(keys) - count)[len(keys) - count]
            some = weights >= least
            keys, weights = keys[some], weights[some]
        known = self._popularity.weight
        pairs: list[tuple[int, float]] = list(zip(keys.tolist(), weights.tolist(), strict=True))
        pairs.sort(key=lambda pair: (-pair[1], -known[pair[0]], pair[0]))
        mine = [key for key, _ in pairs[:count]]
        if len(mine) < count:
            mine += [k for k in self._popularity.top if k not in mine][: count - len(mine)]
        return mine

    def add(self, who: int, keys: U64, days: float) -> None:
        """A basket of this person."""
        mine, weights = self._keys.get(who, _NOTHING), self._weights.get(who, _NO_WEIGHT)
        place = _places(mine, keys)
        new = place < 0
        self._keys[who] = np.concatenate([mine, keys[new]])
        weights = np.concatenate([weights, np.zeros(int(new.sum()))])
        place[new] = np.arange(len(mine), len(weights))
        weights[place] += 2.0 ** (days / HALF_LIFE_DAYS)
        self._weights[who] = weights


_NOTHING: U64 = np.empty(0, np.uint64)
_NO_WEIGHT: F64 = np.empty(0)


def _places(mine: U64, keys: U64) -> NDArray[np.intp]:
    """Index of each key among mine, -1 if it is not there."""
    if not len(mine):
        return np.full(len(keys), -1)
    order = np.argsort(mine)
    at = np.minimum(np.searchsorted(mine, keys, sorter=order), len(mine) - 1)
    place = order[at]
    place[mine[place] != keys] = -1
    return place
