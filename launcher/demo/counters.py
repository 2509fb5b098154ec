"""Reads the exact counters that the shards keep with their positions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from afflux.codes import REJECTED, Code
from afflux.position import Position
from launcher.demo.result import Counts


class Positions(Protocol):
    """Where positions are read from: a `ShardStore`."""

    async def positions(self, shards: list[int]) -> list[bytes]:
        """Stored positions, b"" where there is none."""
        ...


def add_up(positions: Iterable[bytes]) -> Counts:
    """The counters of all these shards together; a shard without a position has counted nothing.

    >>> one = Position(0, (), counters=(5, 1, 0, 2) + (0,) * 28).encode()
    >>> add_up([one, b"", one])
    Counts(accepted=10, duplicates=2, rejected={'unknown_frame': 4}, control=0, late=0)
    """
    total = [0] * len(Position(0, ()).counters)
    for data in positions:
        if data:
            counters = Position.decode(data).counters
            total = [a + b for a, b in zip(total, counters, strict=True)]
    return Counts(
        accepted=total[Code.accepted],
        duplicates=total[Code.duplicates],
        rejected={code.name: total[code] for code in REJECTED if total[code]},
        control=total[Code.control],
        late=total[Code.late],
    )
