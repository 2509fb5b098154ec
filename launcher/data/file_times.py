"""Columns of times to milliseconds; a value that is no time is named with its row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from launcher.evaluation.errors import ValueFault

ZONED = r"[T ].*(Z|z|[+-]\d\d(:?\d\d)?)$"
EARLIEST_MS, LATEST_MS = 157_766_400_000, 4_102_444_800_000  # 1975, 2100
COMMON = (
    "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d", "%d.%m.%Y", "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S", "%m/%d/%Y", "%d/%m/%Y", "%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%Y%m%d", "%Y/%m/%d", "%Y/%m/%d %H:%M:%S",
    "%d %b %Y", "%b %d, %Y", "%d-%m-%Y", "%d-%b-%Y",
)  # fmt: skip


class Times:
    """Reads one column, block by block. Raises ValueFault."""

    def __init__(self, column: str, formats: Sequence[str], zone: str | None) -> None:
        self._column, self._formats, self._zone = column, list(formats), zone
        self._first: tuple[bool, int, str] | None = None
        """Whether the first text had a zone, its row, and the text."""

    def millis(self, array: Any, first: int) -> NDArray[np.int64]:
        """Of each row; `first` is the number of the first."""
        if array.null_count:
            row = first + pc.index(pc.is_null(array), True).as_py()
            raise ValueFault(f"row {row:,} has no time in column {self._column!r}")
        ms = self._read(array, first).cast(pa.int64()).to_numpy(zero_copy_only=False)
        far = ((ms < EARLIEST_MS) | (ms > LATEST_MS)).nonzero()[0]
        if len(far):
            row = int(far[0])
            raise ValueFault(
                f"row {first + row:,}: {array[row].as_py()!r} in column {self._column!r} would be "
                f"a time before 1975 or after 2099",
                "is `format: epoch_s` or `epoch_ms` under `time` in the mapping right?",
                "time_range",
            )
        return np.asarray(ms, np.int64)

    def _read(self, array: Any, first: int) -> Any:
        kind = array.type
        if pa.types.is_timestamp(kind):
            return self._placed(array.cast(pa.timestamp("ms", kind.tz), safe=False), kind.tz)
        if pa.types.is_date(kind):
            return self._placed(array.cast(pa.timestamp("ms")), None)
        if pa.types.is_integer(kind) or pa.types.is_floating(kind):
            return self._numbers(array, first)
        return self._texts(array.cast(pa.string()), first)

    def _numbers(self, array: Any, first: int) -> Any:
        form = self._formats[0]
        if form not in ("epoch_s", "epoch_ms"):
            if form == "iso":
                raise ValueFault(
                    f"column {self._column!r} has numbers, such as {array[0].as_py()!r}",
                    hint="add `format: epoch_s`, `epoch_ms` or such as %Y%m%d under `time`",
                )
            return self._texts(array.cast(pa.int64()).cast(pa.string()), first)
        values = array.to_numpy(zero_copy_only=False).astype(np.float64)
        values = values * 1000 if form == "epoch_s" else values
        if not np.isfinite(values).all():
            row = int(np.flatnonzero(~np.isfinite(values))[0])
            raise ValueFault(
                f"row {first + row:,}: no time in column {self._column!r}", code="no_time"
            )
        return pa.array(np.rint(values).astype(np.int64))

    def _texts(self, texts: Any, first: int) -> Any:
        if self._formats[0] in ("epoch_s", "epoch_ms"):
            numbers = self._each(lambda part: part.cast(pa.float64()), texts, first)
            return self._numbers(numbers, first)
        if self._formats == ["iso"]:
            return self._iso(texts, first)
        read = [_iso_or_null(texts) if f == "iso" else _parsed(texts, f) for f in self._formats]
        found: Any = pc.coalesce(*read)
        if found.null_count:
            row = pc.index(pc.is_null(found), True).as_py()
            raise self._misfit(texts[row].as_py(), first + row)
        return self._placed(found, None)

    def _iso(self, texts: Any, first: int) -> Any:
        zoned = pc.match_substring_regex(texts, ZONED)
        if self._first is None:
            self._first = (zoned[0].as_py(), first, texts[0].as_py())
        with_zone, row, text = self._first
        other = pc.index(zoned, not with_zone).as_py()
        if other >= 0:
            raise ValueFault(
                f"mixed time zones in column {self._column!r}: row {row:,} has "
                f"{'a' if with_zone else 'no'} zone ({text!r}), row {first + other:,} has "
                f"{'none' if with_zone else 'one'} ({texts[other].as_py()!r})",
                "write all of them with a zone, or all without and `zone:` in the mapping",
                "mixed_zones",
            )
        zone = "UTC" if with_zone else None
        read = self._each(lambda part: _cut(part.cast(pa.timestamp("ns", zone))), texts, first)
        return self._placed(read, zone)

    def _placed(self, times: Any, zone: str | None) -> Any:
        """As moments: those without a zone are in the mapping's."""
        if zone is not None:
            return times
        if self._zone is None:
            raise ValueFault(
                f"times in column {self._column!r} name no time zone",
                hint="add `zone: UTC`, or where they are from, under `time` in the mapping",
            )
        if self._zone == "UTC":
            return times
        placed = pc.assume_timezone(times, self._zone, ambiguous="earliest", nonexistent="earliest")
        return placed

    def _each(self, read: Callable[[Any], Any], texts: Any, first: int) -> Any:
        """Arrow does not say which value is wrong: halves are tried."""
        try:
            return read(texts)
        except pa.ArrowInvalid:
            start, end = 0, len(texts)
            while end - start > 1:
                middle = (start + end) // 2
                try:
                    read(texts[start:middle])
                    start = middle
                except pa.ArrowInvalid:
                    end = middle
            raise self._misfit(texts[start].as_py(), first + start) from None

    def _misfit(self, text: str, row: int) -> ValueFault:
        fits = [form for form in COMMON if written_so(text, form)]
        known = " or ".join(self._formats)
        hint = "say how times are written with `format:` under `time` in the mapping"
        if fits:
            given = [] if self._formats == ["iso"] else self._formats
            forms = " or ".join(f'"{form}"' for form in fits)
            hint = f"it could be {forms}: `format:` under `time` takes one, or a list of several"
            hint += f" beside {', '.join(given)}" if given else ""
        return ValueFault(
            f"row {row:,}: {text!r} in column {self._column!r} is not {known}", hint, "time_format"
        )


def _cut(times: Any) -> Any:
    """To milliseconds; what is finer is cut off."""
    return times.cast(pa.timestamp("ms", times.type.tz), safe=False)


def _parsed(texts: Any, form: str) -> Any:
    return pc.strptime(texts, form, "s", error_is_null=True).cast(pa.timestamp("ms"))


def _iso_or_null(texts: Any) -> Any:
    read = [pc.strptime(texts, form, "s", error_is_null=True) for form in COMMON[:3]]
    return pc.coalesce(*read).cast(pa.timestamp("ms"))


def written_so(text: str, form: str) -> bool:
    """Whether a text is written so."""
    try:
        datetime.strptime(text, form)
    except ValueError:
        return False
    return True
