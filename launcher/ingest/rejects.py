"""The file of rows that were left out: one JSON object a line, where each is and why."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from launcher.data.row_faults import RowFault
from launcher.errors import LauncherError
from launcher.evaluation.errors import ValueFault

_SURE = 1_000
"""Before so many rows a share says little."""

_FATAL_SHARE = 0.5


class TooManyRejects(ValueFault):
    """More rows than allowed cannot be meant: nothing is sent."""


class Rejects:
    """Counts rejected rows and writes them down; the file is there only if there are any.

    share: of the rows that may be rejected.
    """

    def __init__(self, path: Path, share: float) -> None:
        self.path, self._share = path, share
        self.codes: Counter[str] = Counter()
        self.first: RowFault | None = None
        self.rows = 0
        self._file: IO[str] | None = None
        self._part = path.with_name(path.name + ".part")

    @property
    def count(self) -> int:
        """How many."""
        return self.codes.total()

    def add(self, source: Path, rows: int, faults: Iterable[RowFault], head: int) -> None:
        """Rows of a block, and which of them are rejected. head: lines of the file before row 1.

        Raises TooManyRejects as soon as most of what was read is rejected.
        """
        self.rows += rows
        for fault in faults:
            if self.first is None:
                self.first = fault
            self.codes[fault.code] += 1
            self._write(source, fault, head)
        if self.rows >= _SURE and self.count > self.rows * max(self._share, _FATAL_SHARE):
            self.judge()

    def judge(self) -> None:
        """Raises TooManyRejects where there are more than allowed."""
        if self.first is None or self.count <= self.rows * self._share:
            return
        first, codes = (
            self.first,
            ", ".join(f"{n:,} {code}" for code, n in self.codes.most_common()),
        )
        self.close()
        raise TooManyRejects(
            f"{self.count:,} of {self.rows:,} rows cannot be used ({codes}); the first is row "
            f"{first.row:,}, column {first.column!r}, {first.value!r}: {first.message}",
            (first.hint + "; " if first.hint else "")
            + f"nothing was sent; all of them are in {self.path}, and --max-rejects says how many "
            "may be left out",
        )

    def _write(self, source: Path, fault: RowFault, head: int) -> None:
        if self._file is None:
            try:
                self._file = self._part.open("w", encoding="utf-8")
            except OSError as error:
                raise LauncherError(
                    f"{self.path} cannot be written: {error.strerror}",
                    hint="--rejects names another file",
                ) from None
        line = {
            "file": str(source), "line": fault.row + head, "row": fault.row, "code": fault.code,
            "column": fault.column, "value": fault.value, "message": fault.message,
        }  # fmt: skip
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")

    def close(self) -> None:
        """The file gets its name."""
        if self._file is not None:
            self._file.close()
            self._file = None
            self._part.replace(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
