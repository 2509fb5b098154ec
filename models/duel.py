"""Two models judged by the same examples: is the second better, and how sure is that?

Losses are paired and taken by blocks of 32 consecutive examples, so that what neighbours in the log
have in common (a day, a person) counts once. With the mean m and the deviation s of the differences
of t blocks, the true mean difference is above

    m - s sqrt( 2 (t r^2 + 1) / (t^2 r^2) · ln(1 + sqrt(t r^2 + 1) / (2 risk)) )

at all t at once but with probability `risk`: the one-sided asymptotic confidence sequence of
Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit theory and asymptotic
confidence sequences", Annals of Statistics 52(6), 2024. So it may be looked at after every example,
which a t-test may not. r makes it narrowest at 32 blocks. A duel starts anew after 8,192 examples,
and `risk` is for each of these periods.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from afflux.columns import F64
from models.contract import Arrays

BLOCK = 32
WINDOW = 2_048
"""Recent examples over which both losses are told."""

PERIOD = 8_192
_NARROWEST = 32
_WINDOW_BLOCKS = WINDOW // BLOCK


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the second stands beside the first; a positive gain is in its favour."""

    examples: int
    """Pairs of this period."""
    window: int
    """Examples of the recent figures."""
    first: float
    """Mean loss over the window."""
    second: float
    gain: float
    """Mean difference of the losses over the period."""
    surely: float
    """What the gain is at least, at the risk that was asked for."""

    def as_figures(self) -> dict[str, float]:
        """As a history keeps it."""
        return {
            "examples": float(self.examples), "window": float(self.window),
            "champion_loss": self.first, "challenger_loss": self.second,
            "gain": self.gain, "gain_at_least": self.surely,
        }  # fmt: skip


class Duel:
    """Takes losses in pairs; its state does not depend on how they were cut into blocks."""

    def __init__(self) -> None:
        self._waiting = np.empty((0, 2))
        self._recent: list[list[float]] = []
        self._blocks = 0
        self._mean = self._square = 0.0

    def add(self, losses: F64) -> None:
        """(n, 2) losses of both, in order."""
        waiting = np.concatenate([self._waiting, losses])
        whole = len(waiting) // BLOCK * BLOCK
        self._waiting = waiting[whole:]
        for first, second in waiting[:whole].reshape(-1, BLOCK, 2).mean(axis=1).tolist():
            if self._blocks == PERIOD // BLOCK:
                self._blocks, self._mean, self._square = 0, 0.0, 0.0
            self._recent.append([first, second])
            self._blocks += 1
            off = first - second - self._mean
            self._mean += off / self._blocks
            self._square += off * (first - second - self._mean)
        del self._recent[:-_WINDOW_BLOCKS]

    def verdict(self, risk: float) -> Verdict | None:
        """None before the second block."""
        if self._blocks < 2:
            return None
        first, second = np.array(self._recent).mean(axis=0).tolist()
        deviation = math.sqrt(max(self._square, 0.0) / (self._blocks - 1))
        surely = self._mean - deviation * half_width(self._blocks, risk)
        seen = self._blocks * BLOCK
        return Verdict(seen, len(self._recent) * BLOCK, first, second, self._mean, surely)

    def state(self) -> Arrays:
        """All that it knows."""
        return {
            "duel.waiting": self._waiting.copy(),
            "duel.recent": np.array(self._recent, np.float64).reshape(-1, 2),
            "duel.sums": np.array([self._blocks, self._mean, self._square]),
        }

    def load(self, arrays: Arrays) -> None:
        """Go on from there."""
        self._waiting = arrays["duel.waiting"].copy()
        self._recent = arrays["duel.recent"].tolist()
        blocks, self._mean, self._square = arrays["duel.sums"].tolist()
        self._blocks = int(blocks)


def half_width(t: int, risk: float) -> float:
    """Of the confidence sequence after t blocks, in deviations.

    >>> round(half_width(32, 0.001), 2), round(half_width(256, 0.001), 2)
    (0.71, 0.26)
    """
    twice = -2.0 * math.log(2.0 * risk)
    rr = (twice + math.log(twice) + 1.0) / _NARROWEST
    grown = t * rr + 1.0
    return math.sqrt(2.0 * grown / (t * t * rr) * math.log(1.0 + math.sqrt(grown) / (2.0 * risk)))
