"""Lifetime value: what a buyer will spend in the next 28 days.

A hurdle: whether they buy, and how much if they do. The served amount is the median of both
together, which is what the absolute error asks for; the interval holds four of five; percentiles go
by the mean, so that people whose median is 0 are still told apart.
"""

from __future__ import annotations

from afflux.columns import Kind
from afflux.limits import DAY_MS
from afflux.names import ModelName
from afflux.outcomes import ModelSpec, Outcome
from models.contract import HurdleRecipe, Model, NewtonRecipe

RECIPE = HurdleRecipe(
    happens=NewtonRecipe("log"), amount=NewtonRecipe("huber", forget=1e-4, huber=0.5)
)

MODEL = Model(
    spec=ModelSpec(ModelName("lifetime_value"), Outcome("amount", (Kind.PURCHASE,), 28 * DAY_MS)),
    recipe=RECIPE,
)
