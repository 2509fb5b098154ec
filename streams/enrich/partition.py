"""What an owner knows of one partition number: its shards' positions and the head of its logs."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from afflux.position import Position, Watermark

_TURNS = 5

NONE_DUE = 2**62
"""Later than every deadline."""


@dataclass(slots=True)
class Head:
    """Where the next batch of one topic partition starts, and W there (topic 0 only)."""

    offset: int
    watermark: Watermark
    append_time: int
    """Timestamp of the last record; of the take-over before the first one."""
    seen_at: float
    """Monotonic clock when the last record was folded."""


@dataclass(slots=True)
class OwnedPartition:
    """Mutable state of one owned partition number; guarded by its lock.

    positions mirrors what the store holds as far as this owner knows. `due` is a lower bound
    of each shard's earliest deadline, absent where unknown.
    """

    number: int
    shards: tuple[int, ...]
    positions: dict[int, Position] = field(default_factory=dict)
    heads: dict[int, Head] = field(default_factory=dict)
    due: dict[int, int] = field(default_factory=dict)
    turns: int = 0
    """Seconds that have passed: which of the untouched shards have their turn."""
    turn_heads: dict[int, int] = field(default_factory=dict)
    """Heads a second ago."""
    announcing: asyncio.Task[None] | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def fence(self, shard: int) -> bytes:
        """What the next commit of `shard` must find: b"" before the first one."""
        position = self.positions[shard]
        return position.fence if position.version else b""

    def lagging(self, topic: int) -> list[int]:
        """Shards whose position is behind the head: no record of theirs came since."""
        head = self.heads[topic].offset
        return [s for s in self.shards if self.positions[s].topics[topic].offset < head]

    def turn(self, topic: int) -> list[int]:
        """Shards to advance without a record this second.

        While the log moves on only a fifth of them, so that no second is a burst of commits; a
        rewind then goes back a few seconds more. All of them once it stands still.
        """
        lagging = self.lagging(topic)
        head = self.heads[topic].offset
        moving = head != self.turn_heads.get(topic)
        self.turn_heads[topic] = head
        if not moving:
            return lagging
        mine = set(self.shards[self.turns % _TURNS :: _TURNS])
        return [s for s in lagging if s in mine]

    def may_be_due(self, shard: int, watermark: int) -> bool:
        """Whether a deadline of `shard` may lie before `watermark`."""
        return self.due.get(shard, 0) < watermark

    def lower_due(self, shard: int, deadline: int) -> None:
        """A new deadline is known."""
        if shard in self.due and deadline < self.due[shard]:
            self.due[shard] = deadline

    def set_due(self, shard: int, deadline: int | None) -> None:
        """The store said which deadline is the earliest."""
        self.due[shard] = NONE_DUE if deadline is None else deadline

    async def announced(self) -> None:
        """Wait for the acks of the last announcement, which other partitions may share."""
        task = self.announcing
        if task is not None:
            await asyncio.wait([task])
            self.announcing = None
            task.result()
