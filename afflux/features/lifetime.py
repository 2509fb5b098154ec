"""Sums over all of a person's time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from afflux.columns import F64, I64
from afflux.features.channels import CHANNELS
from afflux.features.contract import Cut, FieldList, Fields, ordered_sum

_N = len(CHANNELS)
_PURCHASES = CHANNELS.index("purchases")
_REVENUE = CHANNELS.index("revenue")
_ITEMS = CHANNELS.index("items")
_BASKET = np.array([_REVENUE, _ITEMS])


class LifetimeSums:
    """How often a person bought, and what a basket of theirs is like."""

    fields: FieldList = (("life", "<f8", (_N,)),)
    names: Sequence[str] = ("lifetime_purchases", "mean_basket", "mean_basket_items")
    phrases: Sequence[str] = (
        "purchases so far", "money spent per purchase", "items per purchase",
    )  # fmt: skip

    def update(self, rows: Fields, cut: Cut) -> None:
        """Add the addends in offset order."""
        a = cut.addends
        np.add.at(rows["life"].reshape(-1), a.row * _N + a.channel, a.x)

    def merge(self, merged: Fields, rows: Fields, owner: I64) -> None:
        """Sums add up."""
        merged["life"][:] = ordered_sum(rows["life"], owner, len(merged["life"]))

    def values(self, rows: Fields, at: I64) -> F64:
        """ln(1 + x) of each; 0 where nothing was bought."""
        life = rows["life"]
        bought = life[:, _PURCHASES]
        out = np.empty((len(at), 3))
        out[:, 0] = bought
        out[:, 1:] = life[:, _BASKET] / np.maximum(bought, 1.0)[:, None]
        return np.log1p(out)
