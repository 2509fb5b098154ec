"""The same models learned by River itself: the reference, and a setting for who wants it.

State goes both ways: a snapshot of the array learner loads into River's objects and back.
River is imported when a learner is made, not before.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from afflux.columns import F64
from models.contract import Arrays, LinearRecipe, LinearState, Model, ModelError, Vectors


def river_version() -> str:
    """Of the installed River, without importing it; "" where there is none."""
    try:
        return version("river")
    except PackageNotFoundError:
        return ""


class RiverLearner:
    """Implements `contract.LinearLearner` with the model's pipeline."""

    def __init__(self, model: Model, features: Sequence[str]) -> None:
        if model.pipeline is None or not isinstance(model.recipe, LinearRecipe):
            raise ModelError(f"River has no learner like that of {model.spec.name}")
        self._model = model
        self._prior = model.recipe.prior
        self._features = tuple(features)
        self.pipeline: Any = model.pipeline()
        self.load(LinearState.new(len(self._features), model.recipe))

    def learn(self, x: Vectors, targets: F64) -> list[float]:
        """Learn (n, features) in order; the linear score of each just before its step."""
        scores = []
        for row, target in zip(x.astype(np.float64).tolist(), targets.tolist(), strict=True):
            example = dict(zip(self._features, row, strict=True))
            scaler, regression = self._steps()
            # What the pipeline's own learn_one does, with a look at the score in between.
            scaler.learn_one(example)
            scaled = scaler.transform_one(example)
            scores.append(float(regression._raw_dot_one(scaled)))
            regression.learn_one(scaled, self._as_label(target))
        return scores

    def predict(self, x: Vectors) -> F64:
        """Linear scores; changes nothing."""
        scaler, regression = self._steps()
        rows = x.astype(np.float64).tolist()
        examples = [dict(zip(self._features, row, strict=True)) for row in rows]
        scores = [regression._raw_dot_one(scaler.transform_one(e)) for e in examples]
        return np.array(scores, np.float64)

    @property
    def state(self) -> LinearState:
        """All that it knows, as a copy."""
        scaler, regression = self._steps()
        names = self._features
        count = int(scaler.counts[names[0]])
        weights = regression.weights
        return LinearState(
            count,
            np.array([scaler.means[n] for n in names]) * count,
            np.array([scaler.vars[n] for n in names]) * count,
            np.array([weights.get(n, 0.0) for n in names]),
            float(regression.intercept),
        )

    def memory(self) -> Arrays:
        """Nothing: the state is all."""
        return {}

    def load(self, state: LinearState, memory: Arrays | None = None) -> None:
        """Go on from there."""
        from river.utils import VectorDict

        scaler, regression = self._steps()
        names, some = self._features, max(state.count, 1)
        dict.update(scaler.counts, dict.fromkeys(names, state.count))  # a Counter's own one adds
        scaler.means.update(zip(names, (state.total / some).tolist(), strict=True))
        scaler.vars.update(zip(names, (state.squares / some).tolist(), strict=True))
        regression._weights = VectorDict(dict(zip(names, state.weights.tolist(), strict=True)))
        regression.intercept = state.intercept
        regression.optimizer.n_iterations = state.count - self._prior

    def _steps(self) -> tuple[Any, Any]:
        scaler, regression = self.pipeline.steps.values()
        return scaler, regression

    def _as_label(self, target: float) -> bool | float:
        return bool(target) if self._model.spec.link == "probability" else target
