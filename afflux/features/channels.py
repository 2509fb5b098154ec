"""Channels: what is summed over events. Their order is on disk."""

from __future__ import annotations

import numpy as np

from afflux.columns import F64, I64, U8, Kind
from afflux.features.contract import Addends

CHANNELS = (
    "events", "purchases", "revenue", "items", "views", "adds", "exposures", "redemptions",
)  # fmt: skip

PHRASES = (
    "events", "purchases", "money spent", "items bought", "pages and products viewed",
    "additions to the cart and checkouts", "campaign exposures", "coupon redemptions",
)  # fmt: skip

LEAST = 2.0**-40
"""Smaller addends do not count: they must not move the base of a decayed sum."""

MOST = 2.0**60
"""Larger amounts and quantities count as this: no sum overflows."""

_EVENTS, _PURCHASES, _REVENUE, _ITEMS, _VIEWS, _ADDS, _EXPOSURES, _REDEMPTIONS = range(8)

_OF_KIND = np.full(256, -1)
_OF_KIND[[Kind.PAGE_VIEW, Kind.PRODUCT_VIEW]] = _VIEWS
_OF_KIND[[Kind.ADD_TO_CART, Kind.CHECKOUT]] = _ADDS
_OF_KIND[Kind.PURCHASE] = _PURCHASES
_OF_KIND[Kind.EXPOSURE] = _EXPOSURES
_OF_KIND[Kind.REDEMPTION] = _REDEMPTIONS


COUNTED = tuple(c for c in CHANNELS if c not in ("revenue", "items"))
"""Channels that count events: their sums are whole numbers."""


def channel_of_kind(kind: U8) -> I64:
    """The channel that counts a kind beside `events`, -1 none."""
    return _OF_KIND[kind]


def addends(row: I64, ts: I64, kind: U8, amount: F64, quantity: F64) -> Addends:
    """What the events add: 1 to `events` and to the channel of their kind; money and items."""
    channel = channel_of_kind(kind)
    counted = (channel >= 0).nonzero()[0]
    paid = carried = (channel == _PURCHASES).nonzero()[0]
    if len(paid):
        paid = paid[np.abs(amount[paid]) >= LEAST]
        carried = carried[np.abs(quantity[carried]) >= LEAST]
    at = np.concatenate([np.arange(len(row)), counted, paid, carried])
    one, many = len(row) + len(counted), len(at)
    channels = np.zeros(many, np.int64)
    channels[len(row) : one] = channel[counted]
    channels[one : one + len(paid)] = _REVENUE
    channels[one + len(paid) :] = _ITEMS
    x = np.ones(many)
    x[one : one + len(paid)] = amount[paid]
    x[one + len(paid) :] = quantity[carried]
    return Addends(row[at], channels, x, ts[at])
