"""Lifetime value: what a buyer will spend in the next 28 days.

Learned as ln(1 + amount) under Huber's loss, which tends to the conditional median: the served
amount aims at a small absolute error, and the sum of many of them is below the sum spent.
The intercept learns faster than the weights: amounts are far from 0, and weights that had to
make up for it at first would extrapolate wildly.
"""

from __future__ import annotations

from typing import Any

from afflux.columns import Kind
from afflux.limits import DAY_MS
from afflux.names import ModelName
from afflux.outcomes import ModelSpec, Outcome
from models.contract import LinearRecipe, Model

RECIPE = LinearRecipe(loss="huber", rate=0.0005, intercept_rate=0.1, huber=0.5, prior=3_000)


def pipeline() -> Any:
    """The model in River's words; its target is ln(1 + amount)."""
    from river import linear_model, optim, preprocessing

    return preprocessing.StandardScaler() | linear_model.LinearRegression(
        optimizer=optim.SGD(RECIPE.rate),
        loss=optim.losses.Huber(RECIPE.huber),
        intercept_lr=RECIPE.intercept_rate,
        clip_gradient=RECIPE.clip,
    )


MODEL = Model(
    spec=ModelSpec(ModelName("lifetime_value"), Outcome("amount", (Kind.PURCHASE,), 28 * DAY_MS)),
    recipe=RECIPE,
    pipeline=pipeline,
)
