"""Models in River's words, which the array learners must equal: one of each loss."""

from __future__ import annotations

from typing import Any

from afflux.columns import Kind
from afflux.limits import DAY_MS
from afflux.names import ModelName
from afflux.outcomes import ModelSpec, Outcome
from models.contract import LinearRecipe, Model

LOG = LinearRecipe(loss="log", rate=0.003, intercept_rate=0.01, prior=100)
HUBER = LinearRecipe(loss="huber", rate=0.0005, intercept_rate=0.1, huber=0.5, prior=3_000)


def _classifier() -> Any:
    from river import linear_model, optim, preprocessing

    return preprocessing.StandardScaler() | linear_model.LogisticRegression(
        optimizer=optim.SGD(LOG.rate), intercept_lr=LOG.intercept_rate, clip_gradient=LOG.clip
    )


def _regressor() -> Any:
    from river import linear_model, optim, preprocessing

    return preprocessing.StandardScaler() | linear_model.LinearRegression(
        optimizer=optim.SGD(HUBER.rate),
        loss=optim.losses.Huber(HUBER.huber),
        intercept_lr=HUBER.intercept_rate,
        clip_gradient=HUBER.clip,
    )


RIVER_MODELS = (
    Model(
        ModelSpec(ModelName("river_churn"), Outcome("will_not", (Kind.PURCHASE,), 14 * DAY_MS)),
        LOG,
        _classifier,
    ),
    Model(
        ModelSpec(ModelName("river_value"), Outcome("amount", (Kind.PURCHASE,), 28 * DAY_MS)),
        HUBER,
        _regressor,
    ),
)
