"""Generated shopping: what is replayed when no data set can be had. It is not real.

People shop as a Poisson process with their own rate and stop at some moment of their own (the
"buy till you die" picture behind both models), look at pages before they buy, and see campaigns.
The same seed gives the same events.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from launcher.data.shape import DataSet, in_order, item_lists, table, texts

_START_MS = 1_704_067_200_000  # 2024-01-01
_DAY_MS = 86_400_000.0
_DAYS = 270
_EVENTS_A_PERSON = 60
_CATEGORIES = ("BREAD", "COFFEE", "FRUIT", "CHEESE", "SOAP", "TEA", "BOOKS", "TOYS")
_AGES = ("18-24", "25-34", "35-44", "45-54", "55-64", "65+")


def generated(events: int | None = None, seed: int = 7) -> DataSet:
    """About `events` events (20,000 if None) of people who do not exist."""
    wanted = events or 20_000
    people = max(20, wanted // _EVENTS_A_PERSON)
    while (log := _log(people, seed)).num_rows < wanted:
        people += people // 2
    rng = np.random.default_rng(seed)
    ages = rng.integers(0, len(_AGES), people)
    return DataSet(
        name="generated",
        title=f"generated shopping of {people:,} people who do not exist",
        note="generated, not real",
        namespace="person",
        events=log,
        attributes={str(p): {"ageRange": _AGES[ages[p]]} for p in range(0, people, 3)},
    ).head(wanted)


def _log(people: int, seed: int) -> pa.Table:
    rng = np.random.default_rng(seed)
    return in_order([*_shopping(rng, people), _exposures(rng, people)])


def _shopping(rng: np.random.Generator, people: int) -> list[pa.Table]:
    rate = rng.gamma(2.0, 0.06, people)
    end = np.minimum(rng.exponential(150.0, people) + 10.0, _DAYS)
    # Enough that the log has the wanted length even when many leave early.
    counts = rng.poisson(rate * end * 3.0) + 1
    who = np.repeat(np.arange(people), counts)
    when = rng.random(len(who)) * end[who]
    stamp = _START_MS + (when * _DAY_MS).astype(np.int64)
    bought = rng.random(len(who)) < 0.45
    return [_baskets(rng, who[bought], stamp[bought]), _views(who[~bought], stamp[~bought])]


def _baskets(
    rng: np.random.Generator, who: NDArray[np.int64], stamp: NDArray[np.int64]
) -> pa.Table:
    rows = len(who)
    sizes = rng.integers(1, 6, rows)
    offsets = np.r_[0, np.cumsum(sizes)].astype(np.int32)
    total = int(offsets[-1])
    price = np.round(rng.lognormal(1.2, 0.6, total), 2)
    kind = rng.integers(0, len(_CATEGORIES), total)
    category = pa.array(_CATEGORIES).take(pa.array(kind))
    return table(
        rows,
        id=texts(pa.array(np.arange(rows)), "order-"),
        timestamp=stamp,
        type=["commerce.purchases"] * rows,
        person=texts(pa.array(who)),
        order=texts(pa.array(np.arange(rows))),
        total=np.round(np.add.reduceat(price, offsets[:-1]), 2),
        items=item_lists(
            offsets,
            SKU=texts(pa.array(kind * 100 + rng.integers(0, 20, total))),
            name=category,
            quantity=pa.array(rng.integers(1, 4, total)),
            priceTotal=pa.array(price),
            category=category,
        ),
    )


def _views(who: NDArray[np.int64], stamp: NDArray[np.int64]) -> pa.Table:
    rows = len(who)
    return table(
        rows,
        id=texts(pa.array(np.arange(rows)), "view-"),
        timestamp=stamp,
        type=["commerce.productViews"] * rows,
        person=texts(pa.array(who)),
    )


def _exposures(rng: np.random.Generator, people: int) -> pa.Table:
    campaigns = np.repeat(np.arange(_DAYS // 30), people)
    who = np.tile(np.arange(people), _DAYS // 30)
    seen = rng.random(len(who)) < 0.3
    campaigns, who = campaigns[seen], who[seen]
    rows = len(who)
    return table(
        rows,
        id=texts(pa.array(np.arange(rows)), "seen-"),
        timestamp=_START_MS + (campaigns * 30 * _DAY_MS).astype(np.int64),
        type=["advertising.impressions"] * rows,
        person=texts(pa.array(who)),
        campaign=texts(pa.array(campaigns)),
    )
