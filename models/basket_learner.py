"""Learns online which candidates come into the next basket: a weighted logistic regression.

Every basket is an example for each candidate of `afflux/baskets/candidates.py`: bought or not. A
basket weighs 1 / min(10, its size), so that each counts as much as it does in recall of ten; with
equal weights large baskets decide. A block of baskets is learned by implicit Newton steps, the
iterated extended Kalman filter of `models/newton.py` (Bell and Cathey, IEEE TAC 38(2), 1993), here
over whole lists. The first weights rank by the person's own frequency, smoothed by popularity.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from afflux.baskets.basket import Baskets
from afflux.baskets.candidates import FEATURES, Offer, offer
from afflux.baskets.items import Items, counted
from afflux.baskets.person import PersonRows
from afflux.columns import F64, I64
from models.contract import Arrays
from models.envelope import SnapshotError, open_sealed, seal

LIST = 10
"""Ranks that the weights of baskets are made for."""

_DAMPING = 50.0
_FORGET = 1e-5
"""Share of the curvature that every basket takes away: it remembers about 100,000."""

_BASKET = 5.0
_STEPS = 2
_LEAST_CURVATURE = 1e-3
_STEEPEST = 30.0
_RATE = FEATURES.index("rate")


class BasketLearner:
    """The global state of one recommender: items and weights. Knows no person."""

    def __init__(self) -> None:
        self.items = Items.none()
        self.weights = np.zeros(len(FEATURES))
        self.weights[_RATE] = 1.0
        self.baskets = 0
        """Learned so far."""
        self._curvature = np.zeros((len(FEATURES), len(FEATURES)))

    def offer(self, rows: PersonRows, seconds: I64) -> Offer:
        """Candidates of these people at that time; changes nothing."""
        return offer(rows, seconds, self.items)

    def learn(self, offered: Offer, rows: PersonRows, baskets: Baskets) -> None:
        """What was bought of what was offered; `rows` are those of before the baskets."""
        x = offered.x
        y = baskets.among(offered.keys) & (offered.keys > 0)
        weight = (_BASKET / np.minimum(baskets.sizes, LIST))[:, None]
        self._curvature *= (1.0 - _FORGET) ** len(baskets)
        held = self._curvature + _DAMPING * np.eye(len(self.weights))
        w = self.weights
        for _ in range(_STEPS):
            pull, bend = _slopes(x @ w, y, weight)
            gradient = _pulled(x, pull) - held @ (w - self.weights)
            w = w + np.linalg.solve(held + _bent(x, bend), gradient)
        self._curvature = self._curvature + _bent(x, _slopes(x @ w, y, weight)[1])
        self.weights = w
        self.baskets += len(baskets)
        self.items = counted(self.items, rows, baskets)

    def snapshot(self) -> bytes:
        """All that it knows, in the form of `models/envelope.py`."""
        return seal(self.facts(), self.arrays())

    def facts(self) -> dict[str, Any]:
        """The plain values of a snapshot."""
        return {
            "recommender": 1, "features": list(FEATURES), "baskets": self.baskets,
            "seconds": self.items.seconds,
        }  # fmt: skip

    def arrays(self) -> Arrays:
        """Its arrays."""
        return {
            "weights": self.weights,
            "curvature": self._curvature,
            "items.keys": self.items.keys.view(np.int64),
            "items.weights": self.items.weights,
            "items.totals": self.items.totals,
        }

    @classmethod
    def load(cls, data: bytes) -> BasketLearner:
        """The learner that goes on from a snapshot. Raises SnapshotError."""
        return cls.of(*open_sealed(data))

    @classmethod
    def of(cls, facts: Mapping[str, Any], arrays: Arrays) -> BasketLearner:
        """The same of what is in a snapshot, beside other things. Raises SnapshotError."""
        learner = cls()
        try:
            learner._read(facts, arrays)
        except (ValueError, KeyError, TypeError) as error:
            raise SnapshotError(f"a recommender lacks {error} or has it wrong") from None
        return learner

    def _read(self, facts: Mapping[str, Any], arrays: Arrays) -> None:
        if facts.get("recommender") != 1:
            raise SnapshotError("this snapshot is of no recommender")
        if tuple(facts["features"]) != FEATURES:
            raise SnapshotError("a recommender of other features has to start anew")
        keys = arrays["items.keys"].view(np.uint64)
        n, m = len(FEATURES), len(keys)
        shapes = {
            "weights": (n,),
            "curvature": (n, n),
            "items.weights": (5, m),
            "items.totals": (5,),
        }
        for name, shape in shapes.items():
            if arrays[name].shape != shape or not np.isfinite(arrays[name]).all():
                raise SnapshotError(f"a recommender's {name} are not {shape} finite numbers")
        if (keys[1:] <= keys[:-1]).any():
            raise SnapshotError("a recommender's items are not in order")
        self.weights, self._curvature = arrays["weights"].copy(), arrays["curvature"].copy()
        self.baskets = int(facts["baskets"])
        self.items = Items(
            keys.copy(), arrays["items.weights"].copy(), arrays["items.totals"].copy(),
            int(facts["seconds"]),
        )  # fmt: skip


def _slopes(z: F64, y: Any, weight: F64) -> tuple[F64, F64]:
    """Minus the first, and the second derivative of the weighted loss at linear scores."""
    p = 1.0 / (1.0 + np.exp(-np.clip(z, -_STEEPEST, _STEEPEST)))
    return weight * (y - p), weight * np.maximum(p * (1.0 - p), _LEAST_CURVATURE)


def _pulled(x: F64, pull: F64) -> F64:
    """x^T pull, list by list: each product is too small to wake threads of the BLAS."""
    return np.asarray(np.matmul(pull[:, None, :], x).sum(axis=(0, 1)))


def _bent(x: F64, bend: F64) -> F64:
    """x^T diag(bend) x, list by list."""
    return np.asarray(np.matmul(x.transpose(0, 2, 1), bend[..., None] * x).sum(axis=0))
