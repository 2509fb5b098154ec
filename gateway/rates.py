"""How often somebody may ask: a token bucket each."""

from __future__ import annotations

import math
from collections.abc import Callable
from time import monotonic

_MOST = 10_000


class Rates:
    """Buckets by name, those that were used last; each refills at `per_s` up to `burst`."""

    def __init__(self, per_s: float, burst: int, clock: Callable[[], float] = monotonic) -> None:
        self._per_s, self._burst, self._clock = per_s, float(burst), clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, name: str) -> int:
        """0 if there was a token, else the seconds after which to come back.

        >>> now = [0.0]
        >>> rates = Rates(1.0, 2, lambda: now[0])
        >>> [rates.take("a") for _ in range(3)], rates.take("b")
        ([0, 0, 1], 0)
        """
        now = self._clock()
        left, since = self._buckets.pop(name, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._per_s)
        granted = left >= 1.0
        self._buckets[name] = (left - granted, now)
        if len(self._buckets) > _MOST:
            del self._buckets[next(iter(self._buckets))]
        return 0 if granted else max(1, math.ceil((1.0 - left) / self._per_s))
