"""A ring of the last rows of anything, whatever the blocks that they came in."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.contract import Arrays


class Recent:
    """The last `size` rows; its state does not depend on how they were cut into blocks.

    >>> ring = Recent("x", 3, np.float64)
    >>> ring.add(np.array([1.0, 2.0])); ring.add(np.array([3.0, 4.0]))
    >>> ring.rows.tolist(), ring.seen
    ([4.0, 2.0, 3.0], 4)
    """

    def __init__(self, name: str, size: int, dtype: Any, columns: int | None = None) -> None:
        self._name = name
        self._size = size
        shape = size if columns is None else (size, columns)
        self._ring: NDArray[Any] = np.zeros(shape, dtype)
        self.seen = 0

    def add(self, rows: NDArray[Any]) -> None:
        """Remember these, forget the oldest."""
        n = len(rows)
        kept = rows[-self._size :]
        at = np.arange(self.seen + n - len(kept), self.seen + n) % self._size
        self._ring[at] = kept
        self.seen += n

    @property
    def rows(self) -> NDArray[Any]:
        """What is remembered, in no order that means anything."""
        return self._ring[: self.seen]

    def state(self) -> Arrays:
        """All that it knows."""
        return {self._name: self.rows.copy(), f"{self._name}.seen": np.array([self.seen])}

    def load(self, arrays: Arrays) -> None:
        """Go on from there."""
        rows = arrays[self._name]
        self._ring[: len(rows)] = rows
        self.seen = int(arrays[f"{self._name}.seen"][0])
