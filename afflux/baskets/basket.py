"""Baskets as arrays: the form in which purchases of items come to recommenders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afflux.columns import I64, U64

Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Baskets:
    """n baskets, in order of time, of n different people.

    seconds: (n,) since 1970. ends: (n + 1,), basket b has the items ends[b]..ends[b + 1], at least
    one. keys: hashes of the items, never 0, each once a basket.
    """

    seconds: I64
    ends: I64
    keys: U64

    def __len__(self) -> int:
        return len(self.seconds)

    @property
    def sizes(self) -> I64:
        """Number of items of each."""
        return np.diff(self.ends)

    @property
    def owner(self) -> Ints:
        """Of each item the basket that it is in."""
        return np.repeat(np.arange(len(self)), self.sizes)

    def among(self, offered: U64) -> NDArray[np.bool_]:
        """Which of the (n, c) keys are in the basket of their row."""
        found = offered[self.owner] == self.keys[:, None]
        return np.logical_or.reduceat(found, self.ends[:-1], axis=0)
