"""Generated shopping: what is replayed when no data set can be had. It is not real.

People shop as a Poisson process with their own rate and stop at some moment of their own (the
"buy till you die" picture behind both models), look at pages and products before they buy, and see
campaigns. Everybody likes some section of the site more than the others. The same seed gives the
same events.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from launcher.data.shape import DataSet, in_order, item_lists, table, texts

_START_MS = 1_704_067_200_000  # 2024-01-01
_DAY_MS = 86_400_000.0
_DAYS = 270
_EVENTS_A_PERSON = 60
_CATEGORIES = ("BREAD", "COFFEE", "FRUIT", "CHEESE", "SOAP", "TEA", "BOOKS", "TOYS")
_SECTIONS = ("recipes", "offers", "magazine", "help")
_TAGS = ("vegan", "quick", "for two", "with children", "seasonal", "classic")
_PAGES_A_SECTION = 12
_LIKED = 0.6
"""Of the pages that somebody looks at, so many are of the section that they like."""

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
    who, stamp, baskets = who[~bought], stamp[~bought], _baskets(rng, who[bought], stamp[bought])
    of_page = rng.random(len(who)) < 0.5
    return [
        baskets,
        _product_views(rng, who[~of_page], stamp[~of_page]),
        _page_views(rng, who[of_page], stamp[of_page]),
    ]


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


def _product_views(
    rng: np.random.Generator, who: NDArray[np.int64], stamp: NDArray[np.int64]
) -> pa.Table:
    rows = len(who)
    kind = np.where(
        rng.random(rows) < _LIKED, who % len(_CATEGORIES), rng.integers(0, len(_CATEGORIES), rows)
    )
    category = pa.array(_CATEGORIES).take(pa.array(kind))
    return table(
        rows,
        id=texts(pa.array(np.arange(rows)), "view-"),
        timestamp=stamp,
        type=["commerce.productViews"] * rows,
        person=texts(pa.array(who)),
        items=item_lists(
            np.arange(rows + 1, dtype=np.int32),
            SKU=texts(pa.array(kind * 100 + rng.integers(0, 20, rows))),
            name=category,
            quantity=pa.array(np.ones(rows, np.int64)),
            priceTotal=pa.nulls(rows, pa.float64()),
            category=category,
        ),
    )


def _page_views(
    rng: np.random.Generator, who: NDArray[np.int64], stamp: NDArray[np.int64]
) -> pa.Table:
    """Their ids say, as the data set does, that nobody looked at these pages."""
    rows, sections = len(who), len(_SECTIONS)
    liked = rng.random(rows) < _LIKED
    section = np.where(liked, who % sections, rng.integers(0, sections, rows))
    number = rng.integers(0, _PAGES_A_SECTION, rows)
    sections_seen = pa.array(_SECTIONS).take(pa.array(section))
    first = (section + number) % len(_TAGS)
    tags = np.stack([first, (first + 1 + number % 2) % len(_TAGS)], axis=1).reshape(-1)
    return table(
        rows,
        id=texts(pa.array(np.arange(rows)), "generated-page-view-"),
        timestamp=stamp,
        type=["web.webpagedetails.pageViews"] * rows,
        person=texts(pa.array(who)),
        page=pc.binary_join_element_wise(sections_seen, texts(pa.array(number)), " "),
        section=sections_seen,
        tags=pa.ListArray.from_arrays(
            pa.array(np.arange(0, 2 * rows + 1, 2, dtype=np.int32)),
            pa.array(_TAGS).take(pa.array(tags)),
        ),
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
