"""Records that carry where they came from, so that copying a topic twice copies nothing twice.

A copied record has the header `afflux-origin`: topic, partition and offset of its source. What is
in the target topic is the truth; a note of how far a copy had come only says where to look, so a
lost or older note costs time, never a record.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

HEADER = "afflux-origin"
TP = tuple[str, int]


class Origin(NamedTuple):
    """Where a record came from."""

    topic: str
    """Name and id, `name@hex`: a topic made anew is another one."""
    partition: int
    offset: int

    def encode(self) -> bytes:
        """The value of the header.

        >>> Origin("old", 3, 42).encode()
        b'old/3/42'
        """
        return f"{self.topic}/{self.partition}/{self.offset}".encode()


def origin_of(headers: Iterable[tuple[str, bytes]]) -> Origin | None:
    """The last origin in these headers, None where there is none that can be read.

    >>> origin_of([("x", b"1"), ("afflux-origin", b"old/3/42")])
    Origin(topic='old', partition=3, offset=42)
    """
    found = None
    for name, value in headers:
        if name == HEADER:
            topic, _, rest = value.decode("utf-8", "replace").partition("/")
            partition, _, offset = rest.partition("/")
            if partition.isdecimal() and offset.isdecimal():
                found = Origin(topic, int(partition), int(offset))
    return found


@dataclass
class Note:
    """How far a copy had come when all that it had sent was acknowledged.

    logs: names and ids of source and target. source: partition -> offset below which everything
    is copied. target: partition -> offset from which on there may be records that are not
    counted in `source`.
    """

    logs: tuple[str, str] = ("", "")
    source: dict[int, int] = field(default_factory=dict)
    target: dict[int, int] = field(default_factory=dict)

    @staticmethod
    def read(path: Path, logs: tuple[str, str]) -> Note:
        """From a file; an empty note where there is none, or one of other logs."""
        try:
            stored = json.loads(path.read_text())
            found = Note(
                tuple(stored["logs"]),
                {int(p): int(o) for p, o in stored["source"].items()},
                {int(p): int(o) for p, o in stored["target"].items()},
            )
        except (OSError, ValueError, KeyError, AttributeError, TypeError):
            return Note(logs)
        return found if found.logs == logs else Note(logs)

    def write(self, path: Path) -> None:
        """To a file, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(asdict(self)))
        part.replace(path)


class Seen:
    """Origins that are in the target topic already.

    below: source partition -> offset under which everything is there.
    """

    def __init__(self, topic: str, below: Mapping[int, int]) -> None:
        self._topic = topic
        self._below = dict(below)
        self._there: set[tuple[int, int]] = set()

    def add(self, headers: Iterable[tuple[str, bytes]]) -> None:
        """A record of the target topic."""
        origin = origin_of(headers)
        if origin is not None and origin.topic == self._topic:
            self._there.add((origin.partition, origin.offset))

    def __contains__(self, place: tuple[int, int]) -> bool:
        """Whether (partition, offset) of the source is there."""
        partition, offset = place
        return offset < self._below.get(partition, 0) or place in self._there
