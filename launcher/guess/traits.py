"""What the values of a column are like."""

from __future__ import annotations

from dataclasses import dataclass

from launcher.data.file_sample import Column
from launcher.data.time_guess import TimeGuess, guess_times


@dataclass(frozen=True)
class Traits:
    """Of one column.

    filled: share of rows that have a value. distinct: different values. repeats: rows a value.
    decimal: "." or "," of numbers, "" where the values are none. fractions: share of numbers that
    are not whole. negative: how many are below zero. length: mean length of the texts.
    """

    column: Column
    filled: float
    distinct: int
    repeats: float
    decimal: str
    fractions: float
    negative: int
    largest: float
    length: float
    times: TimeGuess | None

    @property
    def is_number(self) -> bool:
        """Whether every value is a number."""
        return bool(self.decimal)


def traits(column: Column) -> Traits:
    """What the values of a column are like; `column.known` may be empty."""
    known = column.known
    distinct = len(set(known))
    decimal, numbers = _numbers(known) if column.kind != "list" else ("", [])
    whole = sum(1 for n in numbers if n == int(n))
    return Traits(
        column,
        len(known) / max(1, len(column.texts)),
        distinct,
        len(known) / max(1, distinct),
        decimal,
        1 - whole / len(numbers) if numbers else 0.0,
        sum(1 for n in numbers if n < 0),
        max(numbers, default=0.0),
        sum(map(len, known)) / max(1, len(known)),
        guess_times(column),
    )


def _numbers(texts: list[str]) -> tuple[str, list[float]]:
    """The decimal sign, and the numbers; "" and nothing where one text is none."""
    for sign in (".", ","):
        try:
            found = [
                float(t if sign == "." else t.replace(".", "").replace(",", ".")) for t in texts
            ]
        except ValueError:
            continue
        if found and all(abs(n) < 1e300 for n in found):
            return sign, found
    return "", []
