"""All rows of all files: read once, judged, sorted. Nothing is sent before this is done."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from afflux.validation import Rules
from launcher.data.file_blocks import blocks, form_of
from launcher.data.row_faults import RowFault
from launcher.data.row_reader import RowReader
from launcher.data.sorted_rows import SortedRows
from launcher.evaluation.errors import FileError
from launcher.evaluation.mapping import Mapping
from launcher.ingest.rejects import Rejects


def read_files(
    files: Sequence[Path],
    mapping: Mapping,
    rules: Rules,
    now: int,
    into: SortedRows,
    rejects: Rejects,
    tell: Callable[[int, float], None],
) -> int:
    """Every row into `into` or `rejects`; returns how many the mapping says to leave out.

    tell: hears (file, share of it that is read). Raises FileError, ValueFault.
    """
    skipped = 0
    for index, path in enumerate(files):
        skipped += _read(index, path, mapping, rules, now, into, rejects, tell)
    rejects.judge()
    if not into.rows:
        left = "rejected" if rejects.count else "what the mapping says to skip"
        raise FileError(f"no row of {', '.join(map(str, files[:3]))} is left: all are {left}")
    return skipped


def _read(
    index: int,
    path: Path,
    mapping: Mapping,
    rules: Rules,
    now: int,
    into: SortedRows,
    rejects: Rejects,
    tell: Callable[[int, float], None],
) -> int:
    reader, skipped = RowReader(mapping, rules, now, index), 0
    is_csv = (mapping.format or form_of(path)) == "csv"
    broken: list[int] = []
    waiting: list[RowFault] = []

    def leave_out(line: int, why: str) -> None:
        broken.append(line - 1)
        waiting.append(RowFault(line - 1, "broken_row", "", None, why))

    texts = [] if mapping.time.formats[0].startswith("epoch") else [mapping.time.column]
    columns = mapping.columns
    for block in blocks(path, mapping.format, mapping.delimiter, columns, texts, leave_out):
        got = reader.read(block)
        # The reader does not count the rows that it left out.
        faults = [*waiting, *(replace(f, row=_shifted(f.row, broken)) for f in got.faults)]
        faults.sort(key=lambda f: f.row)
        rejects.add(path, block.rows + len(waiting), faults, head=1 if is_csv else 0)
        waiting.clear()
        into.add(got.rows)
        skipped += got.skipped
        tell(index, block.share)
    rejects.add(path, len(waiting), waiting, head=1)
    return skipped


def _shifted(row: int, broken: Sequence[int]) -> int:
    """The number of a row where those in `broken` (ascending) are counted too.

    >>> [_shifted(row, [2, 3, 6]) for row in (1, 2, 3, 4)]
    [1, 4, 5, 7]
    """
    at = row
    while (moved := row + bisect_right(broken, at)) != at:
        at = moved
    return at
