"""Candidates for the next basket, and what speaks for each: the features of a linear model.

Of a person: the items of their row, then the most popular ones that are not in it. The score of a
candidate is its features times the weights that `models/basket_learner.py` learns. Cost is that of
(n, 128, 17) numbers, whatever the history.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from afflux.baskets.items import AGAIN, OFFERED, POPULAR, RECENT, SIZED, Items
from afflux.baskets.person import SLOTS, PersonRows, fade
from afflux.columns import F64, I64, U64, Bool

POPULAR_OFFERED = 64
FEATURES = (
    "always", "rate", "rate_small_baskets", "popularity", "trend", "popular_small_baskets",
    "bought_before", "days_since", "baskets_since", "times_bought", "overdue", "overdue_squared",
    "bought_again_by_others", "history", "pause_small_baskets", "size_small_baskets",
    "pause_bought_before",
)  # fmt: skip
"""Logarithms, but for the flags. rate is the share of the person's recent baskets with the item,
with the item's popularity as one basket more: who has no history is ranked by popularity."""

_DAY = 86_400.0
_MAX_OVERDUE = 3.0
_SIZE_PRIOR = 8.0
_SMALL = 2.0
"""Centre of the share of small baskets, so that its products do not repeat the others."""


@dataclass(frozen=True, slots=True)
class Offer:
    """keys: (n, c), 0 where there is no candidate. x: (n, c, features), 0 there."""

    keys: U64
    x: F64

    def best(self, weights: F64, count: int) -> U64:
        """The `count` keys with the highest scores, best first; 0 where there are fewer.

        Of equal scores the first candidate wins: a person's own, then the more popular.
        """
        scores = np.where(self.keys > 0, self.x @ weights, -np.inf)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :count]
        return np.take_along_axis(self.keys, order, axis=1)


def offer(rows: PersonRows, seconds: I64, items: Items) -> Offer:
    """Candidates of each person at that time. Knows nothing but rows and table."""
    keys = _keys(rows, items)
    there = keys > 0
    x = np.zeros((*keys.shape, len(FEATURES)))
    x[..., 0] = 1.0
    popular, sized = _of_items(x, items, items.places(keys))
    _of_person(x, rows, seconds, popular, sized)
    x[~there] = 0.0
    return Offer(keys, x)


def _keys(rows: PersonRows, items: Items) -> U64:
    popular = items.most_popular(POPULAR_OFFERED)
    keys = np.zeros((len(rows), SLOTS + len(popular)), np.uint64)
    keys[:, :SLOTS] = rows["key"]
    own: Bool = (rows["key"][:, :, None] == popular).any(axis=1)
    keys[:, SLOTS:] = np.where(own, 0, popular)
    return keys


def _of_items(x: F64, items: Items, place: I64) -> tuple[F64, F64]:
    """Fill in what is said of items alone; the two popularities as shares of baskets."""
    w = np.concatenate([items.weights, np.zeros((5, 1))], axis=1)  # the last: not in the table
    totals = items.totals
    popular = (w[POPULAR] + 0.1) / (totals[POPULAR] + 10.0)
    recent = (w[RECENT] + 5.0 * popular) / (totals[RECENT] + 5.0)
    sized = (w[SIZED] + 0.01) / (totals[SIZED] + 1.0)
    usual = (totals[AGAIN] + 1.0) / (totals[OFFERED] + 10.0)
    again = (w[AGAIN] + 10.0 * usual) / (w[OFFERED] + 10.0)
    log = np.log(popular)
    facts = np.stack([log, np.log(recent) - log, np.log(sized) - log, np.log(again)])[:, place]
    x[..., 3], x[..., 4], x[..., 5], x[..., 12] = facts
    return popular[place], sized[place]


def _of_person(x: F64, rows: PersonRows, seconds: I64, popular: F64, sized: F64) -> None:
    left = fade(rows, seconds)[:, None]
    weight = rows["weight"].astype(np.float64)[:, None] * left
    w, s = np.zeros(popular.shape), np.zeros(popular.shape)
    w[:, :SLOTS], s[:, :SLOTS] = rows["w"] * left, rows["s"] * left
    x[..., 1] = np.log((w + popular) / (weight + 1.0))
    x[..., 2] = np.log((s + 0.3 * sized) / (weight + 0.3)) - x[..., 1]
    baskets = rows["baskets"].astype(np.float64)[:, None]
    paused = np.maximum(seconds - rows["last"].astype(np.int64), 0)[:, None] / _DAY
    pause = np.log(0.1 + np.where(baskets > 0, paused, 30.0))
    size = np.log((rows["items"][:, None] + _SIZE_PRIOR) / (baskets + 1.0))
    small = x[..., 5] + _SMALL
    x[..., 14], x[..., 15] = pause * small, size * small
    own = x[:, :SLOTS]
    own[..., 6] = 1.0
    own[..., 13] = np.log1p(weight)
    own[..., 16] = pause
    own[..., 12] *= rows["key"] > 0
    x[:, SLOTS:, 12] = 0.0
    _of_slots(own, rows, seconds)


def _of_slots(own: F64, rows: PersonRows, seconds: I64) -> None:
    first, last = (rows[name].astype(np.int64) for name in ("first_at", "last_at"))
    since = np.maximum(seconds[:, None] - last, 0) / _DAY
    count = np.maximum(rows["count"], 1).astype(np.float64)
    own[..., 7] = np.log(0.5 + since)
    own[..., 8] = np.log(1.0 + rows["baskets"][:, None] - rows["basket"])
    own[..., 9] = np.log(count)
    gap = (last - first) / np.maximum(count - 1.0, 1.0) / _DAY
    overdue = np.clip(np.log((since + 0.5) / (gap + 0.5)), -_MAX_OVERDUE, _MAX_OVERDUE)
    own[..., 10] = np.where(count > 1, overdue, 0.0)
    own[..., 11] = own[..., 10] * own[..., 10]
