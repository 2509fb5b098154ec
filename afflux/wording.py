"""A feature with its value, in the words of a marketer.

Values are as models see them, most of them ln(1 + x); they are turned back here, and rounded as
people speak.

>>> say("purchase_recency", math.log1p(19))
'no purchase for 19 days'
>>> say("revenue_60d", math.log1p(412.3))
'412 spent in recent months'
>>> say("weekday_sin", 0.5)
'day of the week'
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

from afflux.features import FEATURES

Words = Callable[[float], str]

_SILENT = {
    "purchase_recency": "purchase",
    "view_recency": "visit",
    "add_recency": "cart activity",
    "exposure_recency": "campaign",
    "redemption_recency": "coupon redeemed",
}
_FLAGS = {
    "no_gap": ("fewer than two purchases", "bought more than once"),
    "never_purchased": ("no purchase yet", "bought before"),
    "never_viewed": ("no visit yet", "visited before"),
    "never_exposed": ("no campaign yet", "reached by campaigns"),
}
_DAYS = {
    "gap_mean": "buys every {} as a rule",
    "gap_spread": "purchases irregular by {}",
    "last_gap": "{} between the last two purchases",
    "gap_before": "{} between the two purchases before",
    "tenure": "known for {}",
}


def say(feature: str, value: float) -> str:
    """In words; a feature that is only a phrase is that phrase.

    >>> say("recency:acme.demoBooked", math.log(4)), say("never:acme.demoBooked", 0.0)
    ('no acme.demoBooked for 3 days', 'had acme.demoBooked')
    """
    what, colon, name = feature.partition(":")
    if colon and math.isfinite(value):
        return _of_type(what, name, value)
    phrase = _phrases().get(feature, feature.replace("_", " "))
    if feature in _FLAGS:
        return _FLAGS[feature][value < 0.5]
    if feature.startswith(("hour_", "weekday_")) or not math.isfinite(value):
        return phrase
    x = math.expm1(min(value, 30.0))
    if feature in _SILENT:
        what = _SILENT[feature]
        return f"{what} just now" if x < 1 / 24 else f"no {what} for {_days(x)}"
    if feature in _DAYS:
        return _DAYS[feature].format(_days(x))
    if feature == "gap_ratio":
        return f"{number(x)} times the usual gap since the last purchase"
    amount = number(x / 10_000 if "_rate_" in feature else x)
    return f"{amount} {phrase.removeprefix('money ')}"


def _of_type(what: str, name: str, value: float) -> str:
    """Features of `afflux/features/named_types.py`."""
    if what == "never":
        return f"no {name} yet" if value >= 0.5 else f"had {name}"
    x = math.expm1(min(value, 30.0))
    if what == "times":
        return f"{number(x)} {name}"
    return f"{name} just now" if x < 1 / 24 else f"no {name} for {_days(x)}"


def number(x: float) -> str:
    """To two digits, whole from 10 on.

    >>> [number(x) for x in (0.041, 2.0, 2.26, 1234.5)]
    ['0.041', '2', '2.3', '1,234']
    """
    return f"{x:,.0f}" if x >= 10 else f"{x:.2g}"


def points(value: float, contribution: float) -> float:
    """What a part of the log-odds does to a probability, in percentage points.

    >>> round(points(0.82, 0.6))
    11
    """
    odds = math.log(min(max(value, 1e-9), 1 - 1e-9))
    odds -= math.log1p(-min(max(value, 1e-9), 1 - 1e-9))
    without = 1.0 / (1.0 + math.exp(min(max(contribution - odds, -500.0), 500.0)))
    return 100.0 * (value - without)


def effect(value: float, contribution: float, amount: bool) -> str:
    """What a reason does to the score: percentage points, or percent of an amount.

    >>> effect(0.82, 0.6, amount=False), effect(61.5, -0.25, amount=True)
    ('+11', '-22 %')
    """
    if amount:
        return f"{100.0 * math.expm1(min(contribution, 30.0)):+,.0f} %"
    return f"{points(value, contribution):+.0f}"


def _days(x: float) -> str:
    if x < 1 / 24:
        return "no time"
    if x < 1.5:
        hours = round(24 * x)
        return f"{hours} hour" + ("s" if hours != 1 else "")
    return f"{x:,.0f} days"


@cache
def _phrases() -> dict[str, str]:
    return {n: p for f in FEATURES for n, p in zip(f.names, f.phrases, strict=True)}
