"""From a topic into its archive: each record once, by its offset."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from launcher.archive.layout import Archive, Manifest
from launcher.data.archive_rows import OTHER, RowMaker, by_day, merge_files, write_rows
from streams.admin import Admin
from streams.consume import Record, TopicReader
from streams.contract_columns import ContractReader
from streams.ports import TP
from streams.settings import StreamSettings

ROWS = 400_000
BYTES = 128 << 20
SMALL_ROWS = 250_000
"""Files with fewer rows are merged, up to `FILE_ROWS` in one."""
FILE_ROWS = 1_000_000
_AT_ONCE = 10_000


class Writer:
    """Appends what a topic has more than its archive."""

    def __init__(self, settings: StreamSettings, archive: Archive, reader: ContractReader) -> None:
        self._settings, self._archive = settings, archive
        self._maker = RowMaker(reader)
        self._admin = Admin(settings)
        self.added = 0
        """Records that were new."""
        self.lost = 0
        """Records that were gone from the topic before they were read."""

    def run(self, topic_id: str, tell: Callable[[int, int], None]) -> None:
        """Up to where the topic ends now. tell: (records so far, of how many).

        Raises ArchiveError, BrokerUnavailable; what is committed by then stays.
        """
        manifest, topic = self._archive.begin(topic_id), self._archive.topic
        logs = self._admin.log_ranges([topic])
        start: dict[TP, int] = {}
        for (_, partition), log in logs.items():
            at = manifest.positions.get(partition, log.start)
            self.lost += max(0, log.start - at)
            start[topic, partition] = max(at, log.start)
        total = sum(max(0, log.end - start[tp]) for tp, log in logs.items())
        waiting: list[Record] = []
        parts: list[tuple[Any, Any]] = []
        rows = size = 0
        with TopicReader(self._settings, [topic], start, self._admin) as reader:
            for records in reader.batches_to_end():
                waiting += records
                if len(waiting) >= _AT_ONCE:
                    parts.append(self._maker.make(waiting))
                    rows += len(waiting)
                    size += sum(len(r.value or b"") for r in waiting)
                    tell(self.added + rows, total)
                    waiting = []
                if rows >= ROWS or size >= BYTES:
                    self._commit(parts, rows, reader.passed, waiting)
                    parts, rows, size = [], 0, 0
            if waiting:
                parts.append(self._maker.make(waiting))
                rows += len(waiting)
            if rows or self.lost:
                self._commit(parts, rows, reader.passed, [])
        tell(self.added, total)

    def _commit(
        self,
        parts: list[tuple[Any, Any]],
        rows: int,
        positions: dict[TP, int],
        waiting: list[Record],
    ) -> None:
        """Files of these rows, and the positions after them, together."""
        old = self._manifest
        at = {partition: offset for (_, partition), offset in positions.items()}
        for record in reversed(waiting):
            at[record.partition] = min(at[record.partition], record.offset)
        run, added = old.run + 1, dict[str, int]()
        days: dict[str, list[Any]] = defaultdict(list)
        for columns, rest in parts:
            for day, table in by_day(columns):
                days[f"day={day}"].append(table)
            for day, table in by_day(rest):
                days[f"{OTHER}/day={day}"].append(table)
        for number, (folder, tables) in enumerate(sorted(days.items())):
            name, path = self._archive.new_file(folder, number, run)
            added[name] = write_rows(path, tables)
        new = replace(
            old, run=run, positions={**old.positions, **at}, files={**old.files, **added},
            lost=old.lost + self.lost if not self.added else old.lost,
        )  # fmt: skip
        self._archive.change(new, list(added), [])
        self.added += rows

    def compact(self) -> int:
        """Merge small files of a day; how many files went."""
        gone = 0
        for folder, names in sorted(_by_folder(self._manifest).items()):
            small = [n for n in names if self._manifest.files[n] < SMALL_ROWS]
            while len(small) > 1:
                chosen, rows = [], 0
                while small and rows + self._manifest.files[small[0]] <= FILE_ROWS:
                    rows += self._manifest.files[small[0]]
                    chosen.append(small.pop(0))
                if len(chosen) > 1:
                    self._merge(folder, chosen)
                    gone += len(chosen) - 1
        return gone

    def _merge(self, folder: str, chosen: list[str]) -> None:
        old = self._manifest
        name, path = self._archive.new_file(folder, 0, old.run + 1)
        count = merge_files([self._archive.folder / n for n in chosen], path)
        files = {n: rows for n, rows in old.files.items() if n not in chosen} | {name: count}
        self._archive.change(replace(old, run=old.run + 1, files=files), [name], chosen)

    @property
    def _manifest(self) -> Manifest:
        assert self._archive.manifest is not None
        return self._archive.manifest


def _by_folder(manifest: Manifest) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for name in sorted(manifest.files):
        found[name.rpartition("/")[0]].append(name)
    return found
