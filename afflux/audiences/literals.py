"""Times and durations as CEL writes them, to whole milliseconds."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from fractions import Fraction

_DURATION = re.compile(r"([+-]?)((?:(?:\d+\.?\d*|\.\d+)(?:h|ms|us|ns|m|s))+)", re.ASCII)
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(h|ms|us|ns|m|s)", re.ASCII)
_TIMESTAMP = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.(\d{1,9}))?(?:Z|[+-]\d\d:\d\d)", re.ASCII
)
_MS = {
    "h": Fraction(3_600_000), "m": Fraction(60_000), "s": Fraction(1000), "ms": Fraction(1),
    "us": Fraction(1, 1000), "ns": Fraction(1, 1_000_000),
}  # fmt: skip
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

EARLIEST_MS = -62_135_596_800_000
"""0001-01-01T00:00:00Z, CEL's first timestamp."""

LATEST_MS = 253_402_300_799_999
"""9999-12-31T23:59:59.999Z, its last one."""

LONGEST_MS = 9_223_372_036_854
"""292 years: durations are 64 bits of nanoseconds in the CEL of C++ and Go."""


def duration_ms(text: str) -> int:
    """Milliseconds. Raises ValueError with the reason.

    >>> duration_ms("336h"), duration_ms("-1.5s"), duration_ms("1h30m")
    (1209600000, -1500, 5400000)
    >>> duration_ms("7d")
    Traceback (most recent call last):
    ValueError: "7d" is no duration: CEL knows h, m, s and ms, so a week is "168h"
    """
    found = _DURATION.fullmatch(text)
    if not found:
        raise ValueError(f'"{text}" is no duration: CEL knows h, m, s and ms, so a week is "168h"')
    total = sum((Fraction(n) * _MS[unit] for n, unit in _PART.findall(found[2])), Fraction(0))
    if total.denominator != 1:
        raise ValueError(f'"{text}" is finer than a millisecond')
    if total > LONGEST_MS:
        raise ValueError(f'"{text}" is longer than 292 years')
    return -int(total) if found[1] == "-" else int(total)


def timestamp_ms(text: str) -> int:
    """Milliseconds since 1970. Raises ValueError with the reason.

    >>> timestamp_ms("2017-01-01T01:00:00+01:00")
    1483228800000
    >>> timestamp_ms("2017-01-01")
    Traceback (most recent call last):
    ValueError: "2017-01-01" is no timestamp such as "2017-01-31T08:00:00Z"
    """
    found = _TIMESTAMP.fullmatch(text)
    fraction = (found[1] or "") if found else ""
    if fraction[3:].strip("0"):
        raise ValueError(f'"{text}" is finer than a millisecond')
    try:
        if not found:
            raise ValueError
        at = datetime.fromisoformat(text.replace(f".{fraction}", "") if fraction else text)
        seconds = (at - _EPOCH) // timedelta(seconds=1)
    except ValueError:
        raise ValueError(f'"{text}" is no timestamp such as "2017-01-31T08:00:00Z"') from None
    ms = seconds * 1000 + int(fraction[:3].ljust(3, "0"))
    if not EARLIEST_MS <= ms <= LATEST_MS:
        raise ValueError(f'"{text}" is outside the years 1 to 9999')
    return ms
