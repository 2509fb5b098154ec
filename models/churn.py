"""Churn: a buyer does not buy within 14 days."""

from __future__ import annotations

from typing import Any

from afflux.columns import Kind
from afflux.limits import DAY_MS
from afflux.names import ModelName
from afflux.outcomes import ModelSpec, Outcome
from models.contract import LinearRecipe, Model

RECIPE = LinearRecipe(loss="log", rate=0.003, intercept_rate=0.01, prior=100)


def pipeline() -> Any:
    """The model in River's words."""
    from river import linear_model, optim, preprocessing

    return preprocessing.StandardScaler() | linear_model.LogisticRegression(
        optimizer=optim.SGD(RECIPE.rate),
        intercept_lr=RECIPE.intercept_rate,
        clip_gradient=RECIPE.clip,
    )


MODEL = Model(
    spec=ModelSpec(ModelName("churn"), Outcome("will_not", (Kind.PURCHASE,), 14 * DAY_MS)),
    recipe=RECIPE,
    pipeline=pipeline,
)
