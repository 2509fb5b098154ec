"""The oracle of interests: one mention at a time, in plain Python, to the bytes of the row.

It shares the points, the rules and the table of powers with the core, no code.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from afflux.features.powers import POWERS
from afflux.interests.rules import POINTS, InterestRules

DAY = 86_400_000
_POWERS = POWERS.tolist()


@dataclass(frozen=True)
class Mention:
    """A thing that an event is about."""

    subject: int
    hash: int
    id: bytes
    name: bytes = b""


@dataclass
class Thing:
    """What is in a slot."""

    hash: int
    weight: float
    id: bytes
    name: bytes


@dataclass
class Topic:
    """The slots of one subject."""

    base: int = 0
    things: list[Thing] = field(default_factory=list)

    def add(self, m: Mention, x: float, timestamp: int, half_life: int, slots: int) -> None:
        """Space-Saving by forward decay."""
        exponent = timestamp * 1024 // (half_life * DAY)
        whole = exponent // 1024
        while whole // 64 > self.base:
            for thing in self.things:
                thing.weight = math.ldexp(thing.weight, (self.base - whole // 64) * 64)
            self.base = whole // 64
        weight = math.ldexp(x * _POWERS[exponent % 1024], whole - 64 * self.base)
        known = [t for t in self.things if t.hash == m.hash]
        if known:
            known[0].weight += weight
            if m.name:
                known[0].id, known[0].name = m.id, m.name
        elif len(self.things) < slots:
            self.things.append(Thing(m.hash, weight, m.id, m.name))
        else:
            least = min(self.things, key=lambda t: (t.weight, t.hash))
            least.hash, least.id, least.name = m.hash, m.id, m.name
            least.weight += weight


class Interests:
    """All that is known of one identity."""

    def __init__(self, rules: InterestRules) -> None:
        self.rules = rules
        self.topics = [Topic() for _ in rules.slots]
        self.last_offset = -1

    def fold(self, offset: int, timestamp: int, kind: int, mentions: Sequence[Mention]) -> None:
        """Take in an accepted event."""
        for m in mentions:
            x = float(POINTS[kind, m.subject])
            if x:
                rules = self.rules
                self.topics[m.subject].add(
                    m, x, timestamp, rules.half_life_days[m.subject], rules.slots[m.subject]
                )
                self.last_offset = offset

    def encode(self) -> bytes:
        """The stored form, b"" where nothing was ever mentioned."""
        if self.last_offset < 0:
            return b""
        things = [t for topic in self.topics for t in topic.things]
        n = len(self.topics)
        head = struct.pack(
            f"<B{n}B{n}h{n}Hq",
            1,
            *(len(t.things) for t in self.topics),
            *(t.base for t in self.topics),
            *self.rules.half_life_days,
            self.last_offset,
        )
        slots = [struct.pack("<QdBB", t.hash, t.weight, len(t.id), len(t.name)) for t in things]
        return b"".join([head, *slots, *(t.id + t.name for t in things)])
