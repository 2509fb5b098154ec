"""Events of windows into the topic, each numbered by its file, from where the last run stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from afflux.columns import I64
from afflux.names import Identity
from afflux.shards import murmur2, partition_of
from launcher.data.row_events import Window
from launcher.ingest.notes import Note, Notes
from launcher.ingest.source import Source
from streams.admin import Admin
from streams.consume import TopicReader
from streams.numbered_producer import NumberedProducer
from streams.numbering import read_number
from streams.ports import TP
from streams.settings import StreamSettings

_NOTE_EVERY = 250_000
_LAST_WORDS_S = 5.0


class Sender:
    """Sends the windows of some sources. notes: of each source, in the same order.

    rate: events a second, None for as fast as it goes. timeout_s: without any acknowledgement.
    """

    def __init__(
        self,
        settings: StreamSettings,
        topic: str,
        partitions: int,
        sources: Sequence[Source],
        notes: Sequence[Note],
        book: Notes,
        rate: float | None,
        timeout_s: float,
    ) -> None:
        self._settings, self._topic, self._partitions = settings, topic, partitions
        self._sources, self._notes, self._book = sources, notes, book
        self._rate, self._timeout_s = rate, timeout_s
        self._admin = Admin(settings)
        self._next: I64 = np.zeros(len(sources), np.int64)
        self.sent = 0
        self.there = 0
        """Events that were in the topic already."""

    def run(self, windows: Iterable[Window], tell: Callable[[int], None]) -> None:
        """Send all. tell: hears how many events are through. Raises BrokerUnavailable."""
        there = self._what_is_there()
        ends = {p: log.end for (_, p), log in self._admin.log_ranges([self._topic]).items()}
        for note in self._notes:
            if not note.ends:
                note.ends = dict(ends)
        self._book.write(self._notes)
        producer, noted = NumberedProducer(self._settings, self._topic), 0
        try:
            for window in _paced(windows, self._rate):
                self._send(producer, window, there)
                tell(self.sent + self.there)
                if self.sent - noted >= _NOTE_EVERY:
                    noted = self.sent
                    self._note(producer)
        except BaseException:
            producer.flush(_LAST_WORDS_S)
            raise
        self._note(producer, done=True)

    def _what_is_there(self) -> list[dict[int, int]]:
        """Of each source: partition of the topic -> last number that is in it, beyond its note."""
        found: list[dict[int, int]] = [{} for _ in self._sources]
        index = {source.name: i for i, source in enumerate(self._sources)}
        begun = [note.ends for note in self._notes if note.ends]
        if not begun:
            return found
        start: dict[TP, int] = {}
        for partition in {p for ends in begun for p in ends}:
            at = min(ends.get(partition, 0) for ends in begun)
            start[self._topic, partition] = at
        with TopicReader(self._settings, [self._topic], start, self._admin) as reader:
            for record in reader.to_end():
                number = read_number(record.headers)
                if number is not None and number[0] in index:
                    last = found[index[number[0]]]
                    last[record.partition] = max(last.get(record.partition, -1), number[2])
        return found

    def _send(
        self, producer: NumberedProducer, window: Window, there: Sequence[Mapping[int, int]]
    ) -> None:
        number = self._numbered(window.file)
        fresh = number >= np.array([note.sent for note in self._notes])[window.file]
        highest = np.array([max(last.values(), default=-1) for last in there])[window.file]
        if (fresh & (number <= highest)).any():
            hashes = murmur2([Identity(key) for key in window.keys])
            partition = partition_of(hashes, self._partitions)
            lasts = [
                there[f].get(p, -1)
                for f, p in zip(window.file.tolist(), partition.tolist(), strict=True)
            ]
            fresh &= number > np.array(lasts)
        keys, values, file = window.keys, window.values, window.file
        if not fresh.all():
            index = fresh.nonzero()[0]
            self.there += len(fresh) - len(index)
            keys = [keys[i] for i in index.tolist()]
            values = [values[i] for i in index.tolist()]
            number, file = number[index], file[index]
        producer.send(keys, values, self._names(file, number))
        self.sent += len(keys)

    def _numbered(self, file: NDArray[np.int16]) -> I64:
        """The number of each event in its own file."""
        number = np.zeros(len(file), np.int64)
        for f in np.unique(file).tolist():
            mine = file == f
            count = int(np.count_nonzero(mine))
            number[mine] = self._next[f] + np.arange(count)
            self._next[f] += count
        return number

    def _names(self, file: NDArray[np.int16], number: I64) -> Iterator[tuple[bytes, int, int]]:
        names = [source.name for source in self._sources]
        if len(names) == 1:
            return zip(repeat(names[0]), repeat(0), number.tolist(), strict=False)
        of = (names[f] for f in file.tolist())
        return zip(of, repeat(0), number.tolist(), strict=False)

    def _note(self, producer: NumberedProducer, done: bool = False) -> None:
        """All that was handed over is acknowledged: what lies in the topic now is counted."""
        producer.finish(self._timeout_s)
        ends = {p: log.end for (_, p), log in self._admin.log_ranges([self._topic]).items()}
        for f, note in enumerate(self._notes):
            note.sent, note.ends, note.done = int(self._next[f]), dict(ends), done
        self._book.write(self._notes)


def _paced(windows: Iterable[Window], rate: float | None) -> Iterator[Window]:
    """The same windows; with a rate in parts of a tenth of a second, each at its time."""
    if rate is None:
        yield from windows
        return
    size, began, given = max(1, round(rate / 10)), time.monotonic(), 0
    for window in windows:
        for at in range(0, len(window), size):
            part = slice(at, at + size)
            yield Window(
                window.keys[part], window.values[part], window.file[part], window.stamps[part]
            )
            given += len(window.values[part])
            wait = began + given / rate - time.monotonic()
            if wait > 0:
                time.sleep(wait)
