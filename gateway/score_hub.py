"""One reader of `score-updates` for all subscribers: what it reads, everybody gets."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol
from weakref import WeakSet

from gateway.cursors import Cursor
from gateway.problems import Problem


@dataclass(frozen=True, slots=True)
class LoggedUpdate:
    """A score update and its place."""

    partition: int
    offset: int
    update: dict[str, Any]


class ScoreLog(Protocol):
    """The topic, as the hub reads it."""

    def follow(self, hub: ScoreHub) -> None:
        """From now on publish everything that comes to the hub."""
        ...

    def replay(self, start: Cursor, end: Cursor) -> AsyncGenerator[Sequence[LoggedUpdate], None]:
        """What is between two places. Raises BrokerUnavailable."""
        ...

    async def close(self) -> None:
        """Stop."""
        ...


class Subscriber:
    """What waits for one stream."""

    def __init__(self, start: Cursor, most: int) -> None:
        self.start = start
        """Everything from here on is handed over."""
        self.ended = False
        """Nothing more comes than what waits."""
        self._waiting: deque[LoggedUpdate] = deque()
        self._news = asyncio.Event()
        self._most = most

    def put(self, updates: Sequence[LoggedUpdate]) -> None:
        """Hand over; one that is too slow is cut off, and comes back where it was."""
        if self.ended or not updates:
            return
        if self._waiting and len(self._waiting) + len(updates) > self._most:
            self.end()
            return
        self._waiting.extend(updates)
        self._news.set()

    def end(self) -> None:
        """Nothing more comes."""
        self.ended = True
        self._news.set()

    async def take(self, seconds: float) -> list[LoggedUpdate]:
        """What waits, as soon as there is something; nothing after `seconds`, or at the end."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), seconds)
        self._news.clear()
        taken = list(self._waiting)
        self._waiting.clear()
        return taken


class ScoreHub:
    """All of it happens in the event loop."""

    def __init__(self, most_waiting: int, most_streams: int) -> None:
        self._most, self._most_streams = most_waiting, most_streams
        # A stream that nobody ever began to read leaves no trace.
        self._subscribers: WeakSet[Subscriber] = WeakSet()
        self._end: Cursor | None = None
        self._closed = False
        self._when_retracted: list[Callable[[], None]] = []

    @property
    def end(self) -> Cursor | None:
        """Where the reader is; None while it does not know the log."""
        return self._end

    def publish(self, updates: Sequence[LoggedUpdate], end: Cursor) -> None:
        """These are new, and the reader is at `end` now."""
        self._end = end
        for subscriber in list(self._subscribers):
            subscriber.put(updates)

    def on_retraction(self, call: Callable[[], None]) -> None:
        """Call this whenever scores of somebody were retracted."""
        self._when_retracted.append(call)

    def retracted(self) -> None:
        """There was a null value: somebody was deleted, or may no longer be scored."""
        for call in self._when_retracted:
            call()

    def lost(self) -> None:
        """The reader starts anew: everybody comes back, with the place where they were."""
        self._end = None
        for subscriber in list(self._subscribers):
            subscriber.end()

    def subscribe(self) -> Subscriber:
        """A new one, from where the reader is. Raises a 503."""
        if self._end is None or self._closed:
            raise Problem(503, "score updates cannot be read now", headers={"Retry-After": "1"})
        if len(self._subscribers) >= self._most_streams:
            raise Problem(503, "too many streams", headers={"Retry-After": "10"})
        subscriber = Subscriber(self._end, self._most)
        self._subscribers.add(subscriber)
        return subscriber

    def leave(self, subscriber: Subscriber) -> None:
        """Its stream has ended."""
        self._subscribers.discard(subscriber)

    def close(self) -> None:
        """End all streams."""
        self._closed = True
        self.lost()
