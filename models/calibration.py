"""Online Platt scaling: linear scores to probabilities that come true, learned as labels come.

Gupta and Ramdas, "Online Platt Scaling with Calibeating", ICML 2023 (arXiv:2305.00070). The
calibrated probability of a linear score z is

    p = sigmoid(a z + b)

and (a, b), from (1, 0) on, follow the online Newton step (Hazan, Agarwal and Kale, Machine
Learning 69, 2007) on the logistic loss: for a label y, with the gradient g = (p - y) (z, 1),

    A <- A + g gᵀ      (a, b) <- (a, b) - A⁻¹ g / gamma

gamma = 0.1 and A = 100 I at the start: nothing needs tuning, since A learns the curvature.
(a, b) stays in a ball of radius 100; a step that leaves it is scaled back to its surface (the
paper projects in the norm of A; the ball is so large that neither happens with sane scores).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from models.contract import Arrays

_GAMMA = 0.1
_RHO = 100.0
_RADIUS = 100.0
_LARGEST = 50.0
"""Scores are cut here: beyond, a probability does not change and a gradient only overflows."""


class PlattScaling:
    """Learns (a, b) one example after the other.

    >>> platt = PlattScaling()
    >>> _ = platt.learn([2.0, -2.0] * 500, [1.0, 0.0, 1.0, 0.0, 0.0, 1.0] * 166 + [1.0] * 4)
    >>> a, b = platt.coefficients  # every third pair is wrong: logit 0.69, not 2
    >>> round(a * 2 + b, 1)
    0.7
    """

    def __init__(self) -> None:
        self._a, self._b = 1.0, 0.0
        self._aa, self._ab, self._bb = _RHO, 0.0, _RHO

    @property
    def coefficients(self) -> tuple[float, float]:
        """(a, b)."""
        return self._a, self._b

    def learn(self, scores: Sequence[float], labels: Sequence[float]) -> list[tuple[float, float]]:
        """Learn linear scores, each as of before its label was learned, with labels 0 and 1.

        Returns (a, b) before each.
        """
        before = []
        a, b, aa, ab, bb = self._a, self._b, self._aa, self._ab, self._bb
        for score, label in zip(scores, labels, strict=True):
            z = score if -_LARGEST <= score <= _LARGEST else math.copysign(_LARGEST, score)
            before.append((a, b))
            off = sigmoid(a * z + b) - label
            ga = off * z
            aa += ga * ga
            ab += ga * off
            bb += off * off
            determinant = (aa * bb - ab * ab) * _GAMMA
            a -= (bb * ga - ab * off) / determinant
            b -= (aa * off - ab * ga) / determinant
            norm = math.hypot(a, b)
            if norm > _RADIUS:
                a, b = a * _RADIUS / norm, b * _RADIUS / norm
        self._a, self._b, self._aa, self._ab, self._bb = a, b, aa, ab, bb
        return before

    def state(self) -> Arrays:
        """All that it knows."""
        return {"platt": np.array([self._a, self._b, self._aa, self._ab, self._bb])}

    def load(self, arrays: Arrays) -> None:
        """Go on from there."""
        self._a, self._b, self._aa, self._ab, self._bb = arrays["platt"].tolist()


def sigmoid(x: float) -> float:
    """1 / (1 + exp(-x)), without overflow."""
    if x >= 0:
        return 1.0 / (1.0 + math.exp(-x))
    e = math.exp(x)
    return e / (1.0 + e)
