"""Churn: a buyer does not buy within 14 days."""

from __future__ import annotations

from afflux.columns import Kind
from afflux.limits import DAY_MS
from afflux.names import ModelName
from afflux.outcomes import ModelSpec, Outcome
from models.contract import Model, NewtonRecipe

MODEL = Model(
    spec=ModelSpec(ModelName("churn"), Outcome("will_not", (Kind.PURCHASE,), 14 * DAY_MS)),
    recipe=NewtonRecipe("log"),
)
