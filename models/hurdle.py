"""The amount of a hurdle: how much is spent if anything is, and how far off that has been.

Two models make one: the first says whether anything is spent, with probability p; this one says
how much, ln(1 + amount) = m + residual, learned from those who spent. With G the distribution of
the recent residuals, each taken before its example was learned,

    P(amount <= a) = (1 - p) + p G(ln(1 + a) - m)

so median, interval and mean all come from one distribution (`afflux/hurdle.py`). A hurdle suits
amounts with many zeros (Cragg, Econometrica 39(5), 1971); that G is taken from progressive
residuals makes the interval honest without any assumption about its shape.
"""

from __future__ import annotations

import numpy as np

from afflux.columns import F64
from afflux.hurdle import RESIDUAL_QUANTILES
from models.contract import Arrays, HurdleState, NewtonRecipe, Vectors
from models.newton import NewtonLearner
from models.recent import Recent

_REMEMBERED = 2_048
_LEAST = 20
"""With fewer residuals they count as 0."""

_PREFIX = "amount."


class HurdleAmount:
    """Learns amounts above 0."""

    def __init__(self, recipe: NewtonRecipe, features: int) -> None:
        self._newton = NewtonLearner(recipe, features)
        self._residuals = Recent("residuals", _REMEMBERED, np.float64)

    def learn(self, x: Vectors, labels: F64) -> None:
        """Learn those above 0, in order."""
        spent = labels > 0
        amounts = np.log1p(labels[spent])
        scores = self._newton.learn(x[spent], amounts)
        self._residuals.add(amounts - np.array(scores))

    @property
    def state(self) -> HurdleState:
        """What scorers need."""
        rows = self._residuals.rows
        if len(rows) < _LEAST:
            return HurdleState(self._newton.state, np.zeros(len(RESIDUAL_QUANTILES)))
        ranks = RESIDUAL_QUANTILES * (len(rows) - 1)
        spread = np.interp(ranks, np.arange(len(rows)), np.sort(rows))
        return HurdleState(self._newton.state, spread)

    def memory(self) -> Arrays:
        """All that it knows."""
        inner = {_PREFIX + name: array for name, array in self._newton.memory().items()}
        return {**inner, **self._residuals.state()}

    def load(self, memory: Arrays) -> None:
        """Go on from there."""
        inner = {n.removeprefix(_PREFIX): a for n, a in memory.items() if n.startswith(_PREFIX)}
        self._newton.load(self._newton.state, inner)
        self._residuals.load(memory)
