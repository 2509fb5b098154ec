"""A sample of people, not of events: those whose hashed identities are smallest.

Everybody has the same chance, however often they act, and the smallest hash that found no place
says how many people there are: a bottom-k sketch (Cohen & Kaplan, "Summarizing data using bottom-k
sketches", PODC 2007). Which people it holds depends on who was seen, not on the order. Whoever is
forgotten leaves a place for those who come, below the same limit: what is left is a fair sample of
who is left.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from afflux.columns import F64, I64, U32
from models.contract import Arrays

HASHES = 2**31
"""Number of values that Kafka's murmur2 has."""


class PeopleSample:
    """At most `size` people with the newest vector, cluster, and cluster of the day before."""

    def __init__(self, size: int, columns: int) -> None:
        self._size = size
        self.limit = HASHES
        """Everybody whose hash is smaller has a place."""
        self.hashes = np.empty(0, np.int64)
        self.vectors: NDArray[np.float16] = np.empty((0, columns), np.float16)
        self.cluster = np.empty(0, np.int64)
        self.yesterday = np.empty(0, np.int64)

    def __len__(self) -> int:
        return len(self.hashes)

    @property
    def people(self) -> float:
        """About how many different people were seen; the relative error is 1 / sqrt(size)."""
        return len(self) * HASHES / self.limit

    def add(self, hashes: U32 | I64, vectors: NDArray[np.float16]) -> None:
        """People in order; of the same one the last vector counts."""
        of = hashes.astype(np.int64)
        if self.limit < HASHES:
            near = of < self.limit
            of, vectors = of[near], vectors[near]
        if not len(of):
            return
        order = np.argsort(of, kind="stable")
        last = order[np.append(of[order][1:] != of[order][:-1], True)]
        self._put(of[last], vectors[last])

    def _put(self, hashes: I64, vectors: NDArray[np.float16]) -> None:
        """Ascending hashes, each once."""
        place = self.hashes.searchsorted(hashes)
        inside = place < len(self)
        known = np.zeros(len(hashes), np.bool_)
        known[inside] = self.hashes[place[inside]] == hashes[inside]
        self.vectors[place[known]] = vectors[known]
        new = ~known
        if not new.any():
            return
        at, none = place[new], np.zeros(int(new.sum()), np.int64)
        every = np.insert(self.hashes, at, hashes[new])
        if len(every) > self._size:
            self.limit = int(every[self._size])
        self.hashes = every[: self._size]
        self.vectors = np.insert(self.vectors, at, vectors[new], axis=0)[: self._size]
        self.cluster = np.insert(self.cluster, at, none)[: self._size]
        self.yesterday = np.insert(self.yesterday, at, none)[: self._size]

    def drop(self, hashes: U32 | I64) -> int:
        """Forget these people; how many of them were here."""
        keep = ~np.isin(self.hashes, hashes.astype(np.int64))
        gone = len(self) - int(keep.sum())
        if gone:
            self.hashes, self.vectors = self.hashes[keep], self.vectors[keep]
            self.cluster, self.yesterday = self.cluster[keep], self.yesterday[keep]
        return gone

    def state(self) -> Arrays:
        """All that it knows, as a copy."""
        return {
            "sample.limit": np.array([self.limit]),
            "sample.hashes": self.hashes.copy(),
            "sample.vectors": self.vectors.copy(),
            "sample.cluster": self.cluster.copy(),
            "sample.yesterday": self.yesterday.copy(),
        }

    def load(self, arrays: Arrays) -> None:
        """Go on from there."""
        self.hashes = arrays["sample.hashes"].copy()
        if "sample.limit" in arrays:
            self.limit = int(arrays["sample.limit"][0])
        else:  # of a snapshot from before people were forgotten
            full = len(self.hashes) == self._size
            self.limit = int(self.hashes[-1]) + 1 if full else HASHES
        self.vectors = arrays["sample.vectors"].copy()
        self.cluster = arrays["sample.cluster"].copy()
        self.yesterday = arrays["sample.yesterday"].copy()


def adjusted_rand(a: I64, b: I64) -> float:
    """How far two partitions of the same people agree: 1 the same, 0 as by chance.

    Hubert & Arabie, "Comparing partitions", Journal of Classification 1985.

    >>> adjusted_rand(np.array([1, 1, 2, 2]), np.array([5, 5, 4, 4]))
    1.0
    """
    _, left = np.unique(a, return_inverse=True)
    _, right = np.unique(b, return_inverse=True)
    width = int(right.max(initial=0)) + 1
    table = np.bincount(left * width + right).astype(np.float64)
    both, rows, columns = _pairs(table), _pairs(np.bincount(left)), _pairs(np.bincount(right))
    every = len(a) * (len(a) - 1) / 2.0
    chance = rows * columns / every if every else 0.0
    most = (rows + columns) / 2.0
    return 1.0 if most == chance else float((both - chance) / (most - chance))


def _pairs(counts: F64 | I64) -> float:
    return float((counts * (counts - 1.0) / 2.0).sum())
