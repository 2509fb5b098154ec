"""The limit that keeps a bad deploy from draining a topic into its dead letters."""

from __future__ import annotations

from collections import deque


class BadShare:
    """Watches the share of bad records among the last `window` ones.

    share: the limit, 1.0 turns it off. Fewer than `window` records count as if the rest had
    been good, so a few bad ones after a start stop nothing.

    >>> watch = BadShare(0.5, 100)
    >>> watch.add(40, 40), watch.add(60, 10), watch.add(50, 46)
    (False, False, True)
    >>> watch.describe()
    '56 of the last 110 records are bad, the limit is 50 of 100'
    """

    def __init__(self, share: float, window: int) -> None:
        if not 0 < share <= 1 or window < 1:
            raise ValueError(f"a share of {share} in a window of {window} records")
        self._limit = share * window
        self._window = window
        self._batches: deque[tuple[int, int]] = deque()
        self._records = self._bad = 0

    def add(self, records: int, bad: int) -> bool:
        """Count a batch; True when the limit is passed."""
        self._batches.append((records, bad))
        self._records += records
        self._bad += bad
        while self._records - self._batches[0][0] >= self._window:
            records, bad = self._batches.popleft()
            self._records -= records
            self._bad -= bad
        return self._bad > self._limit * max(1.0, self._records / self._window)

    def describe(self) -> str:
        """What was counted, for a person."""
        return (
            f"{self._bad} of the last {self._records} records are bad, the limit is "
            f"{self._limit:g} of {self._window}"
        )
