"""Coupon conversion: who was shown a campaign redeems a coupon within 14 days.

Redemptions are rare, and come and go with campaigns: so it is learned early.
"""

from __future__ import annotations

from afflux.columns import Kind
from afflux.limits import DAY_MS
from afflux.names import ModelName
from afflux.outcomes import Eligible, ModelSpec, Outcome
from models.contract import Model, NewtonRecipe

MODEL = Model(
    spec=ModelSpec(
        ModelName("coupon_conversion"),
        Outcome("will", (Kind.REDEMPTION,), 14 * DAY_MS),
        Eligible("exposures"),
        early=True,
    ),
    recipe=NewtonRecipe("log", forget=0.0),
)
