"""A fragment as the oracle keeps it: plain Python, one event at a time."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field

import numpy as np

from afflux.catalog import Catalog
from afflux.features.powers import POWERS

DAY = 86_400_000
HALF_LIVES = (7 * DAY, 60 * DAY)
POWER = POWERS.tolist()
PURCHASE = 5
MOST = 2.0**60
CHANNELS_OF_KINDS = {
    "events": (0, range(8)), "purchases": (1, [5]), "views": (4, [1, 2]), "adds": (5, [3, 4]),
    "exposures": (6, [6]), "redemptions": (7, [7]),
}  # fmt: skip
"""Place of what is counted among the sums, and the kinds of events that it counts."""


@dataclass
class Slot:
    """An open example."""

    ts: int
    offset: int
    models: set[int]
    progress: list[float]
    vector: bytes


@dataclass
class Row:
    """What one dataset knows of one identity."""

    models: int
    last_offset: int = -1
    deleted_at: int = 0
    links: int = 0
    linked_at: int = 0
    consent: int = 0
    first_ts: int = 0
    last_ts: int = 0
    sums: list[list[float]] = field(default_factory=lambda: [[0.0] * 8 for _ in HALF_LIVES])
    bases: list[list[int]] = field(default_factory=lambda: [[0] * 8 for _ in HALF_LIVES])
    life: list[float] = field(default_factory=lambda: [0.0] * 8)
    kind_last: list[int] = field(default_factory=lambda: [0] * 8)
    gap_n: int = 0
    gap_sum: int = 0
    gap_sq: float = 0.0
    gap_last: list[int] = field(default_factory=lambda: [0, 0])
    ring: list[int] = field(default_factory=lambda: [0] * 16)
    ring_at: int = 0
    last_open: int = 0
    slots: list[Slot | None] = field(default_factory=lambda: [None] * 5)
    type_count: dict[str, int] = field(default_factory=dict)
    type_last: dict[str, int] = field(default_factory=dict)
    """Of named types, in the order of their columns."""

    def knows(self, id_hash: int) -> bool:
        """Whether the id is among the last 16 accepted."""
        return id_hash in self.ring

    def did(self, what: str, times: float, since: int) -> bool:
        """Whether so many events were counted, the last one not before `since`."""
        if what not in CHANNELS_OF_KINDS:
            return self.type_count[what] >= times and self.type_last[what] >= since
        channel, kinds = CHANNELS_OF_KINDS[what]
        last = max(self.kind_last[k] for k in kinds)
        return self.life[channel] >= times and last >= max(since, 1)

    def fold(
        self, ts: int, kind: int, amount: float, quantity: float, id_hash: int, event_type: str
    ) -> None:
        """One accepted event."""
        if event_type in self.type_count:
            self.type_count[event_type] += 1
            self.type_last[event_type] = max(self.type_last[event_type], ts)
        amount, quantity = min(amount, MOST), min(quantity, MOST)
        self.ring[self.ring_at] = id_hash
        self.ring_at = (self.ring_at + 1) % 16
        for channel, x in addends(kind, amount, quantity):
            self.life[channel] += x
            for h, half_life in enumerate(HALF_LIVES):
                self._add(h, channel, x, ts * 1024 // half_life)
        if kind == PURCHASE:
            last = self.kind_last[PURCHASE]
            if last and ts > last:
                self.gap_n += 1
                self.gap_sum += ts - last
                self.gap_sq += ((ts - last) / DAY) * ((ts - last) / DAY)
                self.gap_last = [ts - last, self.gap_last[0]]
        self.kind_last[kind] = max(self.kind_last[kind], ts)
        self.first_ts = min(self.first_ts, ts) if self.first_ts else ts
        self.last_ts = max(self.last_ts, ts)

    def _add(self, h: int, channel: int, x: float, exponent: int) -> None:
        whole, frac = divmod(exponent, 1024)
        base = self.bases[h][channel]
        if whole // 64 > base:
            self.sums[h][channel] = math.ldexp(self.sums[h][channel], 64 * (base - whole // 64))
            base = self.bases[h][channel] = whole // 64
        self.sums[h][channel] += x * math.ldexp(POWER[frac], whole - 64 * base)

    def decayed(self, h: int, channel: int, at: int) -> float:
        """A decayed sum at a time."""
        whole, frac = divmod(at * 1024 // HALF_LIVES[h], 1024)
        return math.ldexp(self.sums[h][channel] / POWER[frac], 64 * self.bases[h][channel] - whole)

    def vector(self, at: int) -> bytes:
        """The feature vector at a time, float16."""
        v = [math.log1p(self.decayed(h, c, at)) for h in range(2) for c in range(8)]
        v += self._rates(at)
        _, bought, money, items, *_ = self.life
        v += [math.log1p(bought), math.log1p(money / max(bought, 1.0))]
        v.append(math.log1p(items / max(bought, 1.0)))
        v += self._rhythm(at)
        seen = [
            self.kind_last[PURCHASE],
            max(self.kind_last[1], self.kind_last[2]),
            max(self.kind_last[3], self.kind_last[4]),
            self.kind_last[6],
            self.kind_last[7],
        ]
        v += [log_days(at - t) if t else 0.0 for t in seen]
        v += [float(seen[i] == 0) for i in (0, 1, 3)]
        v.append(log_days(at - self.first_ts) if self.first_ts else 0.0)
        for turn in (at // 3_600_000 % 24 / 24, (at // DAY + 3) % 7 / 7):
            v += [math.sin(2 * math.pi * turn), math.cos(2 * math.pi * turn)]
        v += [math.log1p(n) for n in self.type_count.values()]
        v += [log_days(at - t) if t else 0.0 for t in self.type_last.values()]
        v += [float(t == 0) for t in self.type_last.values()]
        return struct.pack(f"<{len(v)}e", *(max(-60_000.0, min(60_000.0, x)) for x in v))

    def _rates(self, at: int) -> list[float]:
        known = max(0, at - self.first_ts) / DAY
        rates = []
        for h, half_life in enumerate(HALF_LIVES):
            days = half_life / DAY
            steady = (1.0 - 2.0 ** (-(known + 1.0) / days)) * days / math.log(2.0)
            rates += [math.log1p(self.decayed(h, c, at) / steady * 10_000) for c in (1, 2)]
        return rates

    def _rhythm(self, at: int) -> list[float]:
        if not self.gap_n:
            return [0.0, 0.0, 0.0, 0.0, 0.0, 1.0]
        mean = self.gap_sum / DAY / self.gap_n
        spread = math.sqrt(max(0.0, self.gap_sq / self.gap_n - mean * mean))
        ratio = min(1000.0, max(0, at - self.kind_last[PURCHASE]) / DAY / mean)
        last, before = (gap / DAY for gap in self.gap_last)
        return [*map(math.log1p, (mean, spread, ratio, last, before)), 0.0]

    def encode(self, catalog: Catalog) -> bytes:
        """The bytes that the store should hold."""
        row = catalog.new_fragments(1)
        for name in (
            "last_offset", "deleted_at", "links", "linked_at", "consent", "first_ts", "last_ts",
            "life", "kind_last", "gap_n", "gap_sum", "gap_sq", "gap_last", "ring", "ring_at",
            "last_open",
        ):  # fmt: skip
            row[name] = np.array(getattr(self, name), row.dtype[name].base)
        row["decay"], row["decay_base"] = self.sums, self.bases
        if self.type_count:
            row["type_count"] = list(self.type_count.values())
            row["type_last"] = list(self.type_last.values())
        for i, slot in enumerate(self.slots):
            if slot is not None:
                row["slot_ts"][0, i] = slot.ts
                row["slot_offset"][0, i] = slot.offset
                row["slot_open"][0, i] = sum(1 << m for m in slot.models)
                row["slot_progress"][0, i] = slot.progress
        return row.tobytes()


def addends(kind: int, amount: float, quantity: float) -> list[tuple[int, float]]:
    """(channel, x) of an event; what is smaller than 2^-40 does not count."""
    parts = [(0, 1.0)]
    channel = {1: 4, 2: 4, 3: 5, 4: 5, 5: 1, 6: 6, 7: 7}.get(kind)
    if channel is not None:
        parts.append((channel, 1.0))
    if kind == PURCHASE:
        parts += [(c, x) for c, x in ((2, amount), (3, quantity)) if abs(x) >= 2.0**-40]
    return parts


def log_days(ms: int) -> float:
    """ln(1 + days)."""
    return math.log1p(max(0, ms) / DAY)
