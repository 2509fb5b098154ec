"""The topic `score-updates` read in threads, for the hub."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence

from afflux.names import AffluxError
from gateway.containment import place_of
from gateway.cursors import Cursor
from gateway.score_hub import LoggedUpdate, ScoreHub
from streams.admin import Admin
from streams.backoff import Backoff
from streams.consume import Record, TopicReader
from streams.errors import BrokerUnavailable
from streams.ports import TP
from streams.settings import StreamSettings
from streams.topics import SCORE_UPDATES
from streams.updates import DecodeError, decode_score_updates

log = logging.getLogger("afflux.gateway")

_WAIT_S = 0.2
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 5.0
_REPLAYS = 4


Updates = AsyncGenerator[Sequence[LoggedUpdate], None]


class KafkaScoreLog:
    """Implements `score_hub.ScoreLog`. Make it in a running event loop."""

    def __init__(self, settings: StreamSettings, topic: str = SCORE_UPDATES.name) -> None:
        self._settings, self._topic = settings, topic
        self._loop = asyncio.get_running_loop()
        self._stop = threading.Event()
        self._replays = asyncio.Semaphore(_REPLAYS)
        self._thread: threading.Thread | None = None

    def follow(self, hub: ScoreHub) -> None:
        """From now on publish everything that comes; where Kafka is away, wait for it."""
        self._thread = threading.Thread(
            target=self._run, args=(hub,), name="afflux-score-updates", daemon=True
        )
        self._thread.start()

    async def replay(
        self, start: Cursor, end: Cursor
    ) -> AsyncGenerator[Sequence[LoggedUpdate], None]:
        """What is between two places."""
        at = {(self._topic, p): offset for p, offset in enumerate(start.offsets)}
        ends = {(self._topic, p): offset for p, offset in enumerate(end.offsets)}
        if not any(at[tp] < ends[tp] for tp in at):
            return
        async with self._replays:
            reader = await asyncio.to_thread(self._reader, at)
            try:
                # A log may begin later than the place that was asked for, but never ends earlier.
                while any(reader.positions[tp] < ends[tp] for tp in ends):
                    records = await asyncio.to_thread(reader.read, _WAIT_S)
                    yield _updates(r for r in records if r.offset < ends[r.topic, r.partition])
            finally:
                await asyncio.shield(asyncio.to_thread(reader.close))

    async def close(self) -> None:
        """Stop the thread."""
        self._stop.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)

    def _reader(self, at: Mapping[TP, int]) -> TopicReader:
        return TopicReader(self._settings, [self._topic], at)

    def _run(self, hub: ScoreHub) -> None:
        backoff = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
        while not self._stop.is_set():
            try:
                self._read(hub, backoff)
            except AffluxError as error:
                log.warning("score updates: %s", error)
            except Exception as error:  # the thread must live: it tries again
                log.error("score updates: %s at %s", type(error).__name__, place_of(error))
            self._tell(hub.lost)
            self._stop.wait(backoff.next())

    def _read(self, hub: ScoreHub, backoff: Backoff) -> None:
        admin = Admin(self._settings)
        state = admin.describe([self._topic]).get(self._topic)
        if state is None:
            raise BrokerUnavailable(f"there is no topic {self._topic}")
        name = state.topic_id[:4].hex()
        with TopicReader(self._settings, [self._topic], "end", admin) as reader:
            self._publish(hub, [], name, reader)
            backoff.reset()
            while not self._stop.is_set():
                records = reader.read(_WAIT_S)
                if records:
                    self._publish(hub, records, name, reader)

    def _publish(
        self, hub: ScoreHub, records: Sequence[Record], name: str, reader: TopicReader
    ) -> None:
        end = Cursor.of(name, {p: offset for (_, p), offset in reader.positions.items()})
        updates = _updates(records)
        if any(record.value is None for record in records):
            self._tell(hub.retracted)
        self._tell(lambda: hub.publish(updates, end))

    def _tell(self, what: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended before us
            self._loop.call_soon_threadsafe(what)


def _updates(records: Iterable[Record]) -> list[LoggedUpdate]:
    found = []
    for record in records:
        if record.value is None:
            continue
        try:
            (update,) = decode_score_updates([record.value])
        except DecodeError:
            log.warning(
                "no score update at %s-%d@%d", record.topic, record.partition, record.offset
            )
            continue
        found.append(LoggedUpdate(record.partition, record.offset, update))
    return found
