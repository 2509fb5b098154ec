"""Return: a buyer buys again within 7 days."""

from __future__ import annotations

from afflux.columns import Kind
from afflux.limits import DAY_MS
from afflux.names import ModelName
from afflux.outcomes import ModelSpec, Outcome
from models.contract import Model, NewtonRecipe

MODEL = Model(
    spec=ModelSpec(ModelName("purchase_7d"), Outcome("will", (Kind.PURCHASE,), 7 * DAY_MS)),
    recipe=NewtonRecipe("log"),
)
