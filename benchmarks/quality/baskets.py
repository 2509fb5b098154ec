"""Next baskets: recommenders beside frequency and popularity, on every data set with items."""

from __future__ import annotations

from typing import Any

import numpy as np

from launcher.data.compact import compact_items
from launcher.data.shape import DataSet
from launcher.evaluation.basket_replay import BasketReplay
from models.next_basket import RECOMMENDERS


def recommended(data: DataSet, since_ms: int, models: list[str]) -> dict[str, Any]:
    """Figures of these recommenders by name; empty where people have nothing to choose from."""
    items = compact_items(data)
    found: dict[str, Any] = {}
    for recommender in RECOMMENDERS:
        if recommender.name not in models:
            continue
        if len(np.unique(items[recommender.column])) < 2:
            continue
        result = BasketReplay(recommender, since_ms).run([items])
        found[recommender.name] = {"outcome": result.outcome, **result.to_json()}
    return found
