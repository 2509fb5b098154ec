"""Reasons read like sentences, with the number that was seen."""

from __future__ import annotations

import math

import pytest

from afflux.features import FEATURES
from afflux.wording import effect, points, say

NAMES = [name for feature in FEATURES for name in feature.names]


@pytest.mark.parametrize(
    ("feature", "value", "words"),
    [
        ("purchase_recency", math.log1p(19), "no purchase for 19 days"),
        ("purchase_recency", 0.0, "purchase just now"),
        ("exposure_recency", math.log1p(0.5), "no campaign for 12 hours"),
        ("never_purchased", 1.0, "no purchase yet"),
        ("never_purchased", 0.0, "bought before"),
        ("last_gap", math.log1p(4), "4 days between the last two purchases"),
        ("gap_mean", math.log1p(7.4), "buys every 7 days as a rule"),
        ("tenure", math.log1p(300), "known for 300 days"),
        ("gap_ratio", math.log1p(2.5), "2.5 times the usual gap since the last purchase"),
        ("purchases_60d", math.log1p(12.2), "12 purchases in recent months"),
        ("revenue_rate_7d", math.log1p(123_000), "12 spent per day in recent days"),
        ("mean_basket", math.log1p(31.4), "31 spent per purchase"),
        ("hour_cos", 0.3, "time of day"),
        ("something_else", 1.0, "1.7 something else"),
    ],
)
def test_a_feature_and_its_value_in_words(feature: str, value: float, words: str) -> None:
    """Logarithms are turned back; flags and times of the day have no number."""
    assert say(feature, value) == words


def test_every_feature_has_words_for_every_value() -> None:
    """Also for those that no float16 vector should have."""
    for name in NAMES:
        for value in (0.0, 1.0, 11.0, 60_000.0, -1.0, math.inf, math.nan):
            assert say(name, value)


def test_points_are_what_a_reason_adds() -> None:
    """With and without the reason's part of the log-odds; nothing at the ends."""
    assert points(0.5, 0.0) == 0.0
    assert points(0.75, math.log(3)) == pytest.approx(25.0)
    assert points(0.25, -math.log(3)) == pytest.approx(-25.0)
    assert points(1.0, 2.0) == pytest.approx(0.0, abs=1e-3)
    assert points(0.0, 2.0) == pytest.approx(0.0, abs=1e-3)
    assert effect(100.0, math.log(1.5), amount=True) == "+50 %"
