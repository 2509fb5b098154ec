"""Events of a file in order of time, however many: sorted runs on disk, merged while they are read.

Rows come in as the file has them, half a million are sorted and written to a temporary file, and
reading merges the runs window by window. Memory stays that of one run and one window a run.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from afflux.columns import Bool
from afflux.names import Identity
from launcher.evaluation.event_log import EVENT, Events

_NAMES = ["ts", "who", "id"]
"""Rows that are alike in these are items of one event."""

RUN = 500_000
_WINDOW = 65_536
"""Rows of a run that are in memory while runs are merged."""


class Runs:
    """Implements `event_log.EventLog`. Fill it with `add`, then read it.

    grouped: rows of the same person, id and time are items of one event. repeats_dropped: rows
    that are alike in everything but the id stand for one event. form: of the rows; those of another
    form than `EVENT`, with a `ts`, are sorted and nothing else.
    """

    def __init__(
        self,
        identities: Sequence[Identity],
        grouped: bool = False,
        repeats_dropped: bool = False,
        in_time: bool = True,
        run: int = RUN,
        form: np.dtype[np.void] = EVENT,
    ) -> None:
        self.identities = identities
        self.done = 0
        """Rows that have been read in the current pass."""
        self.repeats = 0
        """Rows that are alike, of the last pass."""
        self.out_of_order = 0
        """Rows that stand after a later one in the file."""
        self._grouped, self._dropped, self._in_time = grouped, repeats_dropped, in_time
        self._run, self._form = run, form
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._waiting: list[Events] = []
        self._runs: list[_Window] = []
        self._rows = self._held = 0
        self._latest = -(2**62)

    def __len__(self) -> int:
        """Rows of the file."""
        return self._rows

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove what is on disk."""
        self._runs, self._waiting = [], []
        if self._folder is not None:
            self._folder.cleanup()

    def add(self, events: Events) -> None:
        """Rows in the order of the file."""
        if not len(events):
            return
        latest = np.maximum.accumulate(np.append(self._latest, events["ts"]))
        self.out_of_order += int(np.count_nonzero(events["ts"] < latest[:-1]))
        self._latest = int(latest[-1])
        self._waiting.append(events)
        self._rows += len(events)
        self._held += len(events)
        if self._held >= self._run:
            self._spill()

    def blocks(self, size: int) -> Iterator[Events]:
        """All events in order, at most `size` at a time."""
        self.done = self.repeats = 0
        if self._waiting:
            self._spill(to_disk=bool(self._runs))
        for run in self._runs:
            run.rewind()
        for window in self._merged() if self._in_time else self._as_they_are():
            self.done += len(window)
            events = self._events(window)
            for at in range(0, len(events), size):
                yield events[at : at + size]

    def _spill(self, to_disk: bool = True) -> None:
        run = self._waiting[0] if len(self._waiting) == 1 else np.concatenate(self._waiting)
        self._waiting, self._held = [], 0
        if self._in_time:
            run = run[np.argsort(run["ts"], kind="stable")]
        self._runs.append(self._stored(run) if to_disk else _Window(self._form, len(run), run))

    def _stored(self, run: Events) -> _Window:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="afflux-evaluate-")
        path = Path(self._folder.name) / str(len(self._runs))
        run.tofile(path)
        return _Window(self._form, len(run), path=path)

    def _as_they_are(self) -> Iterator[Events]:
        """The last event of a window waits for the next one, which may have more items of it."""
        waiting = np.empty(0, self._form)
        for run in self._runs:
            while run.fill():
                window = np.concatenate([waiting, run.take(None)])
                other = (window[_NAMES] != window[_NAMES][-1]).nonzero()[0]
                end = int(other[-1]) + 1 if len(other) else 0
                yield window[:end]
                waiting = window[end:]
        yield waiting

    def _merged(self) -> Iterator[Events]:
        """Windows of all runs together; rows of the same time are in the same window."""
        while filled := [run for run in self._runs if run.fill()]:
            ends = [run.whole_until() for run in filled if not run.ends]
            parts = [run.take(min(ends, default=None)) for run in filled]
            window = parts[0] if len(parts) == 1 else np.concatenate(parts)
            yield window[np.argsort(window["ts"], kind="stable")] if len(parts) > 1 else window

    def _events(self, window: Events) -> Events:
        if self._grouped:
            return _grouped(window, in_time=self._in_time)
        if self._form != EVENT:
            return window
        again = _alike(window)
        self.repeats += int(again.sum())
        return window[~again] if self._dropped else window


class _Window:
    """The part of a run that is in memory; the rest is in its file."""

    def __init__(
        self,
        form: np.dtype[np.void],
        rows: int,
        whole: Events | None = None,
        path: Path | None = None,
    ) -> None:
        self._form, self._rows, self._whole, self._path = form, rows, whole, path
        self.rewind()

    def rewind(self) -> None:
        """Back to the first row."""
        self._held: Events = np.empty(0, self._form)
        self._at = 0

    @property
    def ends(self) -> bool:
        """All that is left is in memory."""
        return self._at == self._rows

    def fill(self) -> bool:
        """Hold some rows; False at the end of the run."""
        if not len(self._held):
            self._read()
        return len(self._held) > 0

    def whole_until(self) -> int:
        """Up to this time, it included, all rows that are left are held."""
        while not self.ends and self._held["ts"][0] == self._held["ts"][-1]:
            self._read()
        return int(self._held["ts"][-1]) - (not self.ends)

    def take(self, until: int | None) -> Events:
        """The rows up to this time, it included; all that are held for None."""
        end = len(self._held)
        if until is not None:
            end = int(np.searchsorted(self._held["ts"], until, "right"))
        taken, self._held = self._held[:end], self._held[end:]
        return taken

    def _read(self) -> None:
        count = min(_WINDOW, self._rows - self._at)
        if self._whole is not None:
            more = self._whole[self._at : self._at + count]
        else:
            assert self._path is not None
            more = np.fromfile(self._path, self._form, count, offset=self._at * self._form.itemsize)
        self._at += count
        self._held = np.concatenate([self._held, more]) if len(self._held) else more


def _grouped(rows: Events, in_time: bool) -> Events:
    """One event of the rows with the same time, person and id; money and units are added up."""
    if in_time:
        rows = rows[np.lexsort((rows["id"], rows["who"], rows["ts"]))]
    first = np.ones(len(rows), np.bool_)
    first[1:] = (
        (rows["ts"][1:] != rows["ts"][:-1])
        | (rows["who"][1:] != rows["who"][:-1])
        | (rows["id"][1:] != rows["id"][:-1])
    )
    at = first.nonzero()[0]
    events = rows[at]
    for name in ("amount", "quantity"):
        events[name] = np.add.reduceat(rows[name], at) if len(at) else rows[name]
    events["amount"] = np.round(events["amount"], 6)
    return events


def _alike(rows: Events) -> Bool:
    """Which rows are as another one before, but for the id."""
    order = np.lexsort((rows["amount"], rows["kind"], rows["who"], rows["ts"]))
    same = np.ones(max(len(rows) - 1, 0), np.bool_)
    for name in ("ts", "who", "kind", "amount", "quantity"):
        column = rows[name][order]
        same &= column[1:] == column[:-1]
    again = np.zeros(len(rows), np.bool_)
    again[order[1:][same]] = True
    return again
