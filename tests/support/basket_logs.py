"""Logs of baskets for tests."""

from __future__ import annotations

import numpy as np

from afflux.baskets.basket import Baskets
from launcher.evaluation.basket_log import ITEM, ItemRows

DAY = 86_400


def baskets(*listed: tuple[int, list[int]]) -> Baskets:
    """Baskets of (seconds, keys)."""
    ends = np.cumsum([0, *(len(keys) for _, keys in listed)])
    keys = [key for _, keys in listed for key in keys]
    return Baskets(
        np.array([s for s, _ in listed], np.int64), ends.astype(np.int64), np.array(keys, np.uint64)
    )


def shop(seed: int, count: int, people: int = 30, items: int = 60) -> ItemRows:
    """Lines of `count` baskets: everybody has favourites, some items are popular with all."""
    random = np.random.default_rng(seed)
    favourites = random.integers(1, items + 1, (people, 12))
    rows = []
    for n in range(count):
        who = int(random.integers(people))
        size = int(random.integers(1, 7))
        own = random.choice(favourites[who], size)
        other = np.minimum(random.geometric(0.1, size), items)
        for key in np.where(random.random(size) < 0.7, own, other).tolist():
            rows.append(((1_000_000 + n * 3_600) * 1000, n + 1, who, key, key + 1000))
    return np.array(rows, ITEM)
