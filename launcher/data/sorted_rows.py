"""Rows of any number in order of time: sorted runs on disk, merged while they are read.

An external merge sort over Arrow tables: some hundred thousand rows at a time are sorted and
written to a temporary file (Arrow IPC, LZ4), and the files are merged window by window. Memory
is that of one run, and then of one window a run, however long the file is.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.ipc as pa_ipc

RUN_ROWS = 500_000
RUN_BYTES = 96 << 20
_WINDOW = 16_384
_STORED = 8_192
"""Rows of a run that are read at once: of each run so many are in memory."""


class SortedRows:
    """Fill it with `add`, then read `windows` once: by ts, then file, group (if any) and row."""

    def __init__(self, run_rows: int = RUN_ROWS) -> None:
        self._run_rows = run_rows
        self._waiting: list[pa.Table] = []
        self._runs: list[_Run] = []
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._held = self._bytes = self.rows = 0
        """Rows so far."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._runs, self._waiting = [], []
        if self._folder is not None:
            self._folder.cleanup()

    def add(self, table: pa.Table) -> None:
        """Rows in the order of the file."""
        if not table.num_rows:
            return
        self._waiting.append(table)
        self.rows += table.num_rows
        self._held += table.num_rows
        self._bytes += table.nbytes
        if self._held >= self._run_rows or self._bytes >= RUN_BYTES:
            self._spill(to_disk=True)

    def windows(self) -> Iterator[pa.Table]:
        """All rows, some thousand at a time; rows of the same time are in the same window."""
        if self._waiting:
            self._spill(to_disk=bool(self._runs))
        waiting: list[pa.Table] = []
        for merged in self._merged():
            waiting.append(merged)
            if sum(table.num_rows for table in waiting) >= _WINDOW:
                yield from _cut(pa.concat_tables(waiting))
                waiting = []
        if waiting:
            yield from _cut(pa.concat_tables(waiting))

    def _merged(self) -> Iterator[pa.Table]:
        """Whole times, of all runs together."""
        while filled := [run for run in self._runs if run.fill()]:
            until = min((run.whole_until() for run in filled if not run.ends), default=None)
            taken = (run.take(until) for run in filled)
            parts = [part for part in taken if part is not None]
            if len(parts) == 1:
                yield parts[0]
            elif parts:
                yield _sorted(pa.concat_tables(parts))

    def _spill(self, to_disk: bool) -> None:
        table = pa.concat_tables(self._waiting)
        self._waiting, self._held, self._bytes = [], 0, 0
        table = _sorted(table)
        if not to_disk:
            self._runs.append(_Run(table.num_rows, iter(table.to_batches(_WINDOW))))
            return
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="afflux-ingest-")
        path = Path(self._folder.name) / str(len(self._runs))
        options = pa_ipc.IpcWriteOptions(compression="lz4")
        with pa_ipc.new_file(str(path), table.schema, options=options) as out:
            out.write_table(table, max_chunksize=_STORED)
        self._runs.append(_Run(table.num_rows, _stored(path)))


def _cut(table: pa.Table) -> Iterator[pa.Table]:
    """Parts of some thousand rows that tear no time apart."""
    if table.num_rows <= _WINDOW:
        yield table
        return
    stamps, start = table["ts"].to_numpy(), 0
    while start < len(stamps):
        end = min(start + _WINDOW, len(stamps))
        end = int(np.searchsorted(stamps, stamps[end - 1], "right"))
        yield table.slice(start, end - start)
        start = end


def _stored(path: Path) -> Iterator[Any]:
    with pa.OSFile(str(path)) as file:
        reader = pa_ipc.open_file(file)
        for i in range(reader.num_record_batches):
            yield reader.get_batch(i)


def _sorted(table: pa.Table) -> pa.Table:
    keys = [table["row"].to_numpy()]
    if "group" in table.column_names:
        keys.append(table["group"].to_numpy())
    keys += [table["file"].to_numpy(), table["ts"].to_numpy()]
    stamps = keys[-1]
    if len(keys) == 3 and (np.diff(stamps) > 0).all():
        return table.combine_chunks()
    return table.take(pa.array(np.lexsort(keys))).combine_chunks()


class _Run:
    """A sorted run, of which some rows are in memory: those of `_held` from `_at` on."""

    def __init__(self, rows: int, batches: Iterator[Any]) -> None:
        self._left, self._batches = rows, batches
        self._held: pa.Table | None = None
        self._stamps = np.empty(0, np.int64)
        self._at = 0

    @property
    def ends(self) -> bool:
        """All that is left is in memory."""
        return self._left == 0

    def fill(self) -> bool:
        """Hold some rows; False at the end."""
        if self._at == len(self._stamps):
            self._held = None
            if not self._left:
                return False
            self._read()
        return True

    def whole_until(self) -> int:
        """Up to this time, it included, all rows that are left are held."""
        while not self.ends and self._stamps[self._at] == self._stamps[-1]:
            self._read()
        return int(self._stamps[-1]) - (not self.ends)

    def take(self, until: int | None) -> pa.Table | None:
        """Rows up to this time, it included, all that are held for None; None if there are none."""
        assert self._held is not None
        end = len(self._stamps)
        if until is not None:
            end = int(np.searchsorted(self._stamps, until, "right"))
        start, self._at = self._at, end
        return self._held.slice(start, end - start) if end > start else None

    def _read(self) -> None:
        batch = pa.table(next(self._batches))
        self._left -= batch.num_rows
        if self._held is None:
            self._held = batch
        else:
            self._held = pa.concat_tables([self._held.slice(self._at), batch])
        self._stamps, self._at = self._held["ts"].to_numpy(), 0
