"""How the times of a column are written, found from its values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa

from launcher.data.file_sample import Column
from launcher.data.file_times import COMMON, EARLIEST_MS, LATEST_MS, ZONED, Times, written_so
from launcher.evaluation.errors import ValueFault

_MOST = 1_000
_DAY_FIRST = ("%d.", "%d/", "%d-%m")


@dataclass(frozen=True)
class TimeGuess:
    """How a column would be read.

    formats: as the mapping takes them. zone: to be said in the mapping, None where values name it.
    share: of the values that are read so, 0 to 1. problem: what no mapping can put right, or "".
    """

    formats: Sequence[str]
    zone: str | None
    share: float
    notes: Sequence[str] = ()
    problem: str = ""


def guess_times(column: Column) -> TimeGuess | None:
    """How the times of this column are written; None where it has none."""
    values = list(dict.fromkeys(column.known))[:_MOST]
    if not values or column.kind == "list":
        return None
    if column.kind == "zoned time":
        return TimeGuess(["iso"], None, 1.0)
    if column.kind == "time":
        return TimeGuess(["iso"], "UTC", 1.0, [_ASSUMED])
    return _numbers(values) if _are_numbers(values) else _texts(values)


_ASSUMED = "the times name no zone: UTC is assumed"


def _are_numbers(values: Sequence[str]) -> bool:
    try:
        return all(float(value) is not None for value in values)
    except ValueError:
        return False


def _numbers(values: Sequence[str]) -> TimeGuess | None:
    numbers = [float(value) for value in values]
    for form, unit in (("epoch_ms", 1), ("epoch_s", 1000)):
        if all(EARLIEST_MS <= n * unit <= LATEST_MS for n in numbers):
            return TimeGuess([form], None, 1.0)
    if all(re.fullmatch(r"(19|20)\d{6}", v) and written_so(v, "%Y%m%d") for v in values):
        return TimeGuess(["%Y%m%d"], "UTC", 1.0, [_ASSUMED])
    return None


def _texts(values: Sequence[str]) -> TimeGuess | None:
    zoned = [value for value in values if re.search(ZONED, value)]
    if zoned:
        if len(zoned) < len(values):
            plain = next(value for value in values if not re.search(ZONED, value))
            return TimeGuess(
                [], None, len(zoned) / len(values),
                problem=f"mixed time zones: {zoned[0]!r} has one, {plain!r} has none; write all "
                "with a zone, or all without",
            )  # fmt: skip
        return TimeGuess(["iso"], None, 1.0) if _is_iso(values) else None
    if _is_iso(values):
        return TimeGuess(["iso"], "UTC", 1.0, [_ASSUMED])
    return _in_formats(values)


def _is_iso(values: Sequence[str]) -> bool:
    try:
        Times("", ["iso"], "UTC").millis(pa.array(values), 1)
    except ValueFault:
        return False
    return True


def _in_formats(values: Sequence[str]) -> TimeGuess | None:
    """The fewest formats that read all values, or nearly all."""
    read = {form: {v for v in values if written_so(v, form)} for form in COMMON}
    left, chosen = set(values), list[str]()
    twins: list[str] = []
    while left:
        form = max(read, key=lambda one: len(read[one] & left))
        if not read[form] & left:
            break
        # A day and a month that both fit: what reads most values is taken, and it is said.
        twins += [f for f in read if f != form and read[f] >= read[form] and _swapped(f, form)]
        chosen.append(form)
        left -= read[form]
    share = 1 - len(left) / len(values)
    if share < 0.9:
        return None
    orders = {_day_first(form) for form in chosen if "%d" in form and "%Y-%m" not in form} - {None}
    notes = [_ASSUMED]
    if len(chosen) > 1:
        notes.append(f"times are written in {len(chosen)} ways")
    if len(orders) > 1:
        return TimeGuess(
            chosen, "UTC", share,
            problem="some times have the day first and some the month "
            f"({', '.join(chosen)}): they cannot be told apart; write all of them in one way",
        )  # fmt: skip
    if twins:
        notes.append(f"{chosen[0]} or {twins[0]}? Every value fits both")
    if left:
        notes.append(f"{len(left)} of {len(values)} values are no times, such as {min(left)!r}")
    named = ["iso" if form in COMMON[:3] else form for form in chosen]
    formats = list(dict.fromkeys(named))
    return TimeGuess(formats, "UTC", share * (0.6 if twins else 1.0), notes)


def _day_first(form: str) -> bool | None:
    if "%b" in form or form.startswith("%Y"):
        return None
    return form.startswith(_DAY_FIRST)


def _swapped(one: str, other: str) -> bool:
    return one.replace("%d/%m", "%m/%d") == other.replace("%d/%m", "%m/%d")


def earliest(column: Column, guess: TimeGuess) -> datetime | None:
    """The first time of the sample, None where no value can be read."""
    found = []
    times = Times(column.name, guess.formats, guess.zone or "UTC")
    for value in list(dict.fromkeys(column.known))[:_MOST]:
        try:
            found.append(int(times.millis(pa.array([value]), 1)[0]))
        except ValueFault:
            continue
    return datetime.fromtimestamp(min(found) / 1000, UTC) if found else None
