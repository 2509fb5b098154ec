"""What happens to the timeline of one fragment, as one value that a store understands.

    oldest   event time, ms: entries at the beginning that are older go in the end; 0: none does
    anew     1 where what was there before is dropped first
    events   how many are added at the end; of each its size, then the entry, in ascending offsets

All of it is little-endian; a store needs of an entry only its first two numbers, offset and time.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

CONTROL = struct.Struct("<qBH")
SIZE = struct.Struct("<H")
_OFFSET_AND_TIME = struct.Struct("<qq")

GONE = CONTROL.pack(0, 1, 0)
"""Nothing is left of the timeline."""


class Growth(NamedTuple):
    """What happens to a timeline."""

    entries: Sequence[bytes]
    anew: bool = False
    oldest: int = 0

    def pack(self) -> bytes:
        """As one value.

        >>> Growth([], True).pack() == GONE
        True
        """
        sized = [SIZE.pack(len(entry)) + entry for entry in self.entries]
        return CONTROL.pack(self.oldest, self.anew, len(sized)) + b"".join(sized)

    @staticmethod
    def unpack(data: bytes) -> Growth:
        """From `pack`.

        >>> Growth.unpack(Growth([b"one", b""], oldest=5).pack())
        Growth(entries=[b'one', b''], anew=False, oldest=5)
        """
        oldest, anew, events = CONTROL.unpack_from(data)
        entries, at = [], CONTROL.size
        for _ in range(events):
            (size,) = SIZE.unpack_from(data, at)
            at += SIZE.size + size
            entries.append(data[at - size : at])
        return Growth(entries, bool(anew), oldest)

    def after(self, before: Sequence[bytes], most: int) -> tuple[bytes, ...]:
        """The timeline that was `before`; its last `most` entries stay.

        What it has already is not added again, so it does no harm to do it twice.

        >>> one, two = (bytes([n, *7 * [0]]) * 2 for n in (1, 2))
        >>> Growth([one, two]).after([one], 9) == (one, two)
        True
        >>> Growth([two], oldest=2).after([one], 9) == Growth([two]).after([one], 1) == (two,)
        True
        """
        kept = [] if self.anew else list(before)
        newest = _OFFSET_AND_TIME.unpack_from(kept[-1])[0] if kept else -1
        fresh = [e for e in self.entries if _OFFSET_AND_TIME.unpack_from(e)[0] > newest]
        if fresh:
            kept = [*kept, *fresh][-most:]
        first = 0
        if self.oldest:
            times = (_OFFSET_AND_TIME.unpack_from(entry)[1] for entry in kept)
            first = next((i for i, ts in enumerate(times) if ts >= self.oldest), len(kept))
        return tuple(kept[first:])
