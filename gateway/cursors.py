"""Where a subscriber is: the id of a server-sent event, which comes back as `Last-Event-ID`.

1a2b3c4d.12.0.7     the log (8 hex digits of its id), then the next offset of each partition
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_FORM = re.compile(r"([0-9a-f]{8})((?:\.[0-9]{1,18})+)")


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a log. offsets: of each partition, the one to read next."""

    log: str
    offsets: tuple[int, ...]

    def __str__(self) -> str:
        """As it goes out.

        >>> str(Cursor("1a2b3c4d", (12, 0, 7)))
        '1a2b3c4d.12.0.7'
        """
        return ".".join([self.log, *map(str, self.offsets)])

    @staticmethod
    def parse(text: str) -> Cursor | None:
        """What `str` made of it; None for other text.

        >>> Cursor.parse("1a2b3c4d.12.0.7")
        Cursor(log='1a2b3c4d', offsets=(12, 0, 7))
        """
        found = _FORM.fullmatch(text)
        return found and Cursor(found[1], tuple(map(int, found[2][1:].split("."))))

    def after(self, partition: int, offset: int) -> Cursor:
        """The place after a record."""
        offsets = list(self.offsets)
        offsets[partition] = max(offsets[partition], offset + 1)
        return Cursor(self.log, tuple(offsets))

    def is_before(self, partition: int, offset: int) -> bool:
        """Whether a record is still to come."""
        return offset >= self.offsets[partition]

    def is_within(self, ends: Cursor) -> bool:
        """Whether this is a place of the same log that it has reached."""
        return (self.log, len(self.offsets)) == (ends.log, len(ends.offsets)) and all(
            mine <= end for mine, end in zip(self.offsets, ends.offsets, strict=True)
        )

    @staticmethod
    def of(log: str, offsets: Mapping[int, int]) -> Cursor:
        """From offsets by partition."""
        return Cursor(log, tuple(offsets[p] for p in range(len(offsets))))
