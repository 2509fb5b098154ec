"""Rows of a file that cannot become events: which, and why, by a code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from afflux.columns import I64, Bool
from launcher.evaluation.errors import ValueFault

CODES = {
    "broken_row": "a CSV row has not as many fields as the head",
    "missing_identity": "nobody is named",
    "placeholder_identity": "the identifier stands for nobody, such as null",
    "too_large": "an identifier or id has more than 512 bytes, or an amount is beyond 1e15",
    "no_time": "there is no time",
    "time_format": "the time is not written as the mapping says",
    "time_range": "the time is before 1975 or after 2099",
    "mixed_zones": "the time has a zone and the first one had none, or the other way round",
    "timestamp_future": "the time is after now and the allowed skew",
    "timestamp_horizon": "the time is before the horizon (AFFLUX_LIMITS_HORIZON_DAYS)",
    "unknown_event_type": "the type is not in the mapping, which says `other: stop`",
    "missing_id": "the column that names events is empty",
    "no_number": "an amount or quantity is no number",
    "not_finite": "an amount or quantity is infinite or not a number",
    "negative": "an amount or quantity is below zero, and the mapping says `negative: stop`",
}
"""Every code of a rejected row, and what it means."""


@dataclass(frozen=True, slots=True)
class RowFault:
    """Why a row is rejected. row: its number, from 1, without the head."""

    row: int
    code: str
    column: str
    value: str | None
    message: str
    hint: str = ""


class Sieve:
    """Which rows of a block stay, and why the others do not; the first reason counts."""

    def __init__(self, first: int, rows: int) -> None:
        self.first = first
        self.good: Bool = np.ones(rows, np.bool_)
        self.faults: list[RowFault] = []

    def reject(
        self, bad: Bool, code: str, column: str, values: Any, message: str, hint: str = ""
    ) -> None:
        """The rows where `bad`, an array over the block; values: the Arrow array they are in."""
        for i in (bad & self.good).nonzero()[0].tolist():
            value = values[i].as_py()
            text = None if value is None else str(value)[:200]
            self.faults.append(RowFault(self.first + i, code, column, text, message, hint))
        self.good &= ~bad

    def read(self, column: str, values: Any, read: Callable[[Any, int], Any], missing: Any) -> Any:
        """`read(values, number of the first)` of the rows that are good so far, in NumPy.

        Rows that it refuses with a code are rejected; halves are tried until they stand alone.
        missing: what stands in the rows that are not good.
        """
        index = self.good.nonzero()[0]
        part = values if len(index) == len(self.good) else values.take(_arrow(index))
        pieces = self._halves(column, part, index, read)
        found = np.full(len(self.good), missing)
        for rows, piece in pieces:
            found[rows] = piece
        return found

    def _halves(
        self, column: str, values: Any, index: I64, read: Callable[[Any, int], Any]
    ) -> Sequence[tuple[I64, Any]]:
        if not len(index):
            return []
        try:
            return [(index, read(values, self.first + int(index[0])))]
        except ValueFault as fault:
            if not fault.code:
                raise
            if len(index) == 1:
                value = str(values[0].as_py())[:200]
                row = self.first + int(index[0])
                self.faults.append(
                    RowFault(row, fault.code, column, value, fault.message, fault.hint)
                )
                self.good[index] = False
                return []
        half = len(index) // 2
        return [
            *self._halves(column, values.slice(0, half), index[:half], read),
            *self._halves(column, values.slice(half), index[half:], read),
        ]


def _arrow(index: I64) -> Any:
    import pyarrow as pa

    return pa.array(index)
