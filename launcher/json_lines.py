"""JSON lines to Avro: every line becomes a message, or a problem with its number.

A message is judged by the very rules that a worker applies, before anything is sent.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from streams.encoding import EncodeError
from streams.json_events import primary, with_millis

CHUNK = 1000
"""Lines that are encoded and judged together."""


@dataclass(frozen=True)
class Line:
    """A line of the file, counted from 1, as an object."""

    number: int
    value: dict[str, Any]


@dataclass(frozen=True)
class Problem:
    """What is wrong with a line."""

    number: int
    message: str

    def __str__(self) -> str:
        return f"line {self.number}: {self.message}"


@dataclass(frozen=True)
class Encoded:
    """A message that may be sent. `key` is the primary identity."""

    number: int
    key: bytes
    value: bytes


Encode = Callable[[Sequence[dict[str, Any]]], list[bytes]]
"""Values of objects. Raises EncodeError for the first that does not fit or breaks a rule."""


def messages(lines: Iterable[str], encode: Encode) -> Iterator[tuple[list[Encoded], list[Problem]]]:
    """Good messages and problems, a chunk of lines at a time, each in order of the lines."""
    numbered = enumerate(lines, 1)
    while chunk := list(islice(numbered, CHUNK)):
        problems: list[Problem] = []
        good = list(_encoded(list(_parsed(chunk, problems)), encode, problems))
        yield good, sorted(problems, key=lambda problem: problem.number)


def _why(error: ValueError) -> str:
    """Without the line that JSON counts: there is only one."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos + 1}"
    return str(error)


def _parsed(chunk: Sequence[tuple[int, str]], problems: list[Problem]) -> Iterator[Line]:
    for number, text in chunk:
        if not text.strip():
            continue
        try:
            value = json.loads(text.rstrip())
        except ValueError as error:
            problems.append(Problem(number, f"not JSON: {_why(error)}"))
            continue
        if not isinstance(value, dict):
            problems.append(Problem(number, "not a JSON object"))
            continue
        try:
            yield Line(number, with_millis(value))
        except ValueError as error:
            problems.append(Problem(number, f"/timestamp: {error}"))


def _encoded(lines: Sequence[Line], encode: Encode, problems: list[Problem]) -> Iterator[Encoded]:
    """Halves until a bad line stands alone."""
    try:
        values = encode([line.value for line in lines])
    except EncodeError as error:
        if len(lines) == 1:
            where = f"{error.pointer}: " if error.pointer else ""
            problems.append(Problem(lines[0].number, f"{where}{error.message}"))
            return
        middle = len(lines) // 2
        yield from _encoded(lines[:middle], encode, problems)
        yield from _encoded(lines[middle:], encode, problems)
        return
    for line, value in zip(lines, values, strict=True):
        yield Encoded(line.number, primary(line.value), value)
