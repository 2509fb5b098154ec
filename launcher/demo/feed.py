"""Produces a replay from a thread, as fast as it goes or at a multiple of event time."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Protocol

from launcher.data.replay import Item
from streams.topics import EXPERIENCE_EVENTS, PROFILE_ATTRIBUTES

_SAMPLE_EVERY = 200
_LONGEST_SLEEP_S = 0.05


class Sink(Protocol):
    """Where records go: `streams.delivery.BulkProducer`."""

    def produce(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
        timestamp: int | None = None,
        partition: int | None = None,
    ) -> None:
        """Hand over one record."""
        ...

    def flush(self, timeout: float | None = None) -> int:
        """Wait until all are acknowledged."""
        ...


class Feed:
    """Sends items in order.

    speed: multiple of event time; None for as fast as it goes. clock: seconds, monotonic.
    """

    def __init__(
        self,
        items: Sequence[Item],
        sink: Sink,
        speed: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._items, self._sink, self._speed, self._clock = items, sink, speed, clock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="afflux-feed", daemon=True)
        self._counts = [0]
        self._times = [clock()]
        self.sent = 0
        self.error: BaseException | None = None

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def done(self) -> bool:
        """All are sent and acknowledged. Raises what made the thread fail."""
        if self.error is not None:
            raise self.error
        return not self._thread.is_alive()

    def stop(self) -> None:
        """Send no more; returns when the thread has ended."""
        self._stop.set()
        self._thread.join()

    def age(self, folded: int) -> float:
        """Seconds since about the `folded`-th record was sent: 0 if nothing waits."""
        if folded >= self.sent:
            return 0.0
        place = bisect_left(self._counts, folded + 1)
        if place >= len(self._times):
            return 0.0
        return max(0.0, self._clock() - self._times[place])

    def _run(self) -> None:
        try:
            self._send_all()
            self._sink.flush()
        except BaseException as error:
            self.error = error

    def _send_all(self) -> None:
        begin, first = self._clock(), self._items[0].at if self._items else 0
        events, attributes = EXPERIENCE_EVENTS.name, PROFILE_ATTRIBUTES.name
        for number, item in enumerate(self._items, 1):
            if self._speed is not None:
                self._wait_until(begin + (item.at - first) / 1000 / self._speed)
            if self._stop.is_set():
                return
            topic = attributes if item.attributes else events
            self._sink.produce(topic, item.key, item.value, partition=item.partition)
            self.sent = number
            if number % _SAMPLE_EVERY == 0 or self._speed is not None:
                self._counts.append(number)
                self._times.append(self._clock())

    def _wait_until(self, moment: float) -> None:
        while (left := moment - self._clock()) > 0 and not self._stop.is_set():
            self._stop.wait(min(left, _LONGEST_SLEEP_S))
