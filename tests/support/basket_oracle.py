"""A person's row and the facts of items, basket by basket in plain Python."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from afflux.baskets.person import HALF_LIFE, SLOTS


@dataclass
class Slot:
    """One item of a person."""

    w: np.float32
    s: np.float32
    first: int
    last: int
    count: int
    basket: int
    place: int


@dataclass
class Person:
    """The row as dictionaries; float32 as the row has it."""

    slots: dict[int, Slot] = field(default_factory=dict)
    baskets: int = 0
    items: int = 0
    last: int = 0
    weight: np.float32 = field(default_factory=np.float32)

    def fold(self, seconds: int, keys: list[int]) -> None:
        """One basket."""
        left = np.float32(2.0 ** (-max(seconds - self.last, 0) / HALF_LIFE))
        self.weight = self.weight * left + np.float32(1)
        for slot in self.slots.values():
            slot.w, slot.s = slot.w * left, slot.s * left
        self.baskets, self.items = self.baskets + 1, self.items + len(keys)
        self.last = max(self.last, seconds)
        touched = [k for k in keys if k in self.slots]
        free = sorted(set(range(SLOTS)) - {s.place for s in self.slots.values()})
        spare = sorted(
            (k for k in self.slots if k not in touched),
            key=lambda k: (self.slots[k].w, self.slots[k].place),
        )
        for key in keys:
            if key not in self.slots:
                if free:
                    place = free.pop(0)
                elif spare:
                    place = self.slots.pop(spare.pop(0)).place
                else:
                    continue
                self.slots[key] = Slot(np.float32(0), np.float32(0), self.last, 0, 0, 0, place)
            slot = self.slots[key]
            slot.w = slot.w + np.float32(1)
            slot.s = slot.s + np.float32(1.0 / len(keys))
            slot.last, slot.count, slot.basket = self.last, slot.count + 1, self.baskets


@dataclass
class Facts:
    """What everybody bought, each basket kept and weighed anew when asked."""

    baskets: list[tuple[int, list[int]]] = field(default_factory=list)
    offered: list[tuple[int, int, bool]] = field(default_factory=list)

    def add(self, seconds: int, keys: list[int], owned: list[int]) -> None:
        """One basket of somebody who had these items in their row."""
        self.baskets.append((seconds, keys))
        self.offered += [(seconds, key, key in keys) for key in owned]

    def of(self, key: int, at: int, trend_half_life: int) -> list[float]:
        """The five weights of an item."""
        with_it = [(s, len(keys)) for s, keys in self.baskets if key in keys]
        here = [(s, again) for s, k, again in self.offered if k == key]
        return [
            sum(2.0 ** ((s - at) / HALF_LIFE) for s, _ in with_it),
            sum(2.0 ** ((s - at) / trend_half_life) for s, _ in with_it),
            sum(2.0 ** ((s - at) / HALF_LIFE) / size for s, size in with_it),
            sum(2.0 ** ((s - at) / HALF_LIFE) for s, _ in here),
            sum(2.0 ** ((s - at) / HALF_LIFE) for s, again in here if again),
        ]
