"""Pauses that grow while something keeps failing."""

from __future__ import annotations


class Backoff:
    """Doubling pauses between `first` and `most` seconds.

    >>> pause = Backoff(0.1, 0.3)
    >>> [pause.next(), pause.next(), pause.next()]
    [0.1, 0.2, 0.3]
    >>> pause.reset(); pause.next()
    0.1
    """

    def __init__(self, first: float, most: float) -> None:
        self._first, self._most = first, most
        self._next = first

    def next(self) -> float:
        """Seconds to wait now."""
        pause = min(self._next, self._most)
        self._next = pause * 2
        return pause

    def reset(self) -> None:
        """It worked: start small again."""
        self._next = self._first
