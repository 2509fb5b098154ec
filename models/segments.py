"""Segments: groups of people for whom the quality of a model is told apart.

A segment is a band of a feature of the example's own vector: as of the opening, and made by the
feature code that scores. Nothing is looked up, and nothing of what came later gets in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afflux.columns import I64

ALL = "all"


@dataclass(frozen=True, slots=True)
class Segments:
    """Bands of a feature that is ln(1 + a number): at most bounds[0], at most bounds[1], ..., more.

    One name more than bounds. Where the feature is not among those of the installation, everybody
    is in the first band.

    >>> segments = Segments("lifetime_purchases", (1.0, 4.0), ("first", "few", "many"))
    >>> x = np.log1p(np.array([[1.0], [2.0], [5.0]])).astype(np.float16)
    >>> segments.of(x, ("lifetime_purchases",)).tolist()
    [0, 1, 2]
    """

    feature: str
    bounds: tuple[float, ...]
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.names) != len(self.bounds) + 1:
            raise ValueError(f"{len(self.bounds)} bounds need {len(self.bounds) + 1} names")
        if list(self.bounds) != sorted(set(self.bounds)):
            raise ValueError(f"the bounds of segments ascend, unlike {self.bounds}")
        if len({ALL, *self.names}) <= len(self.names):
            raise ValueError(f"segments have different names, none of them {ALL!r}: {self.names}")

    def of(self, x: NDArray[np.float16], features: Sequence[str]) -> I64:
        """(n,) index of the segment of each vector."""
        if self.feature not in features:
            return np.zeros(len(x), np.int64)
        # Halfway to the next whole number: float16 rounds.
        edges = np.log1p(np.array(self.bounds) + 0.5)
        column = x[:, features.index(self.feature)].astype(np.float64)
        return edges.searchsorted(column, "left")


BY_ORDERS = Segments(
    "lifetime_purchases", (1.0, 4.0, 19.0),
    ("first_order", "orders_2_to_4", "orders_5_to_19", "orders_20_on"),
)  # fmt: skip
"""New people (at most one purchase), and three bands of those who came back."""
