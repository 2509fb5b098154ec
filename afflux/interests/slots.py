"""Space-Saving over decayed weights: the k things that weigh most, in k slots.

Metwally, Agrawal, El Abbadi, "Efficient computation of frequent and top-k elements in data
streams" (ICDT 2005), with forward decay (Cormode et al., ICDE 2009). A thing that has a slot adds
to it; else it takes a free slot; else it replaces the one with the least (weight, hash) and starts
from its weight. So weights never fall short of the truth, and exceed it by no more than the least
weight of all slots, which is at most a k-th of the weight of everything.

A *unit* is one subject of one row. Mentions of a unit are taken one after another, in the order
of the log: those of many units side by side, the r-th of each in round r.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ldexp

import numpy as np
from numpy.typing import NDArray

from afflux.columns import F64, I64, U64
from afflux.features.powers import POWERS
from afflux.mentions import TEXT
from afflux.segments import rank, some, starts

FRAC_BITS = 10
BLOCK_BITS = 6
_FRACTION = (1 << FRAC_BITS) - 1
_FEW = 12
"""Rounds of so few units cost more than the same one by one."""

_POWERS: list[float] = POWERS.tolist()

I16 = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Additions:
    """Mentions sorted by unit, those of a unit in the order of the log."""

    unit: I64
    hash: U64
    x: F64
    """What each is worth at its time."""
    exponent: I64
    """Its time in 1,024ths of a half-life."""
    text: NDArray[np.void]

    def take(self, at: I64) -> Additions:
        """Those at `at`."""
        return Additions(self.unit[at], self.hash[at], self.x[at], self.exponent[at], self.text[at])


class Slots:
    """Slots of `units` units, in use are the first `count` of each."""

    def __init__(self, units: int, slots: int) -> None:
        self.base: I16 = np.zeros(units, np.int16)
        self.count: I64 = np.zeros(units, np.int64)
        self.hash: U64 = np.zeros((units, slots), np.uint64)
        """0 where a slot is free."""
        self.weight: F64 = np.zeros((units, slots))
        self.text = np.zeros((units, slots), TEXT)

    def clear(self, unit: slice) -> None:
        """Nothing is known of these units."""
        for column in (self.base, self.count, self.hash, self.weight, self.text):
            column[unit] = np.zeros((), column.dtype)

    def add(self, a: Additions, limit: I64) -> None:
        """Take in mentions; a unit has `limit[unit]` slots."""
        place = rank(starts(a.unit))
        of_round = np.bincount(place)
        order = place.argsort(kind="stable")
        done = 0
        for size in of_round.tolist():
            if size < _FEW:
                rest = a.take((place >= place[order[done]]).nonzero()[0])
                self._one_by_one(rest, limit)
                return
            self._round(a.take(order[done : done + size]), limit)
            done += size

    def _round(self, a: Additions, limit: I64) -> None:
        """One mention of each of some units."""
        unit, whole = a.unit, a.exponent >> FRAC_BITS
        self._rebase(unit, (whole >> BLOCK_BITS).astype(np.int16))
        down = whole - (self.base[unit].astype(np.int64) << BLOCK_BITS)
        weight = np.ldexp(a.x * POWERS[a.exponent & _FRACTION], down.astype(np.int32))
        same = self.hash[unit] == a.hash[:, None]
        slot = same.argmax(axis=1)
        new = (~same[np.arange(len(unit)), slot]).nonzero()[0]
        if len(new):
            slot[new] = self._slots_for(unit[new], limit)
            self.hash[unit[new], slot[new]] = a.hash[new]
        self.weight[unit, slot] += weight
        told = a.text["name_size"] > 0
        told[new] = True
        self.text[unit[told], slot[told]] = a.text[told]

    def _slots_for(self, unit: I64, limit: I64) -> I64:
        """A slot for a new thing of each unit: a free one, else that with the least weight."""
        used, most = self.count[unit], limit[unit]
        slot = used.copy()
        full = (used == most).nonzero()[0]
        if len(full):
            inside = np.arange(self.weight.shape[1]) < most[full, None]
            weight = np.where(inside, self.weight[unit[full]], np.inf)
            least = weight == weight.min(axis=1)[:, None]
            hashes = np.where(least, self.hash[unit[full]], np.iinfo(np.uint64).max)
            slot[full] = hashes.argmin(axis=1)
        self.count[unit] = np.minimum(used + 1, most)
        return slot

    def _rebase(self, unit: I64, block: I16) -> None:
        old = self.base[unit]
        newer = block > old
        if some(newer):
            moved = unit[newer]
            down = (old[newer].astype(np.int32) - block[newer]) << BLOCK_BITS
            self.weight[moved] = np.ldexp(self.weight[moved], down[:, None])
            self.base[moved] = block[newer]

    def _one_by_one(self, a: Additions, limit: I64) -> None:
        """The same in plain Python: for a hot person, and for few mentions."""
        start = starts(a.unit).nonzero()[0].tolist()
        for first, last in zip(start, [*start[1:], len(a.unit)], strict=True):
            unit = int(a.unit[first])
            self._one_unit(unit, a.take(np.arange(first, last)), int(limit[unit]))

    def _one_unit(self, unit: int, a: Additions, limit: int) -> None:
        used, base = int(self.count[unit]), int(self.base[unit])
        hashes = self.hash[unit, :used].tolist()
        weights = self.weight[unit, :used].tolist()
        text: dict[int, int] = {}
        named = (a.text["name_size"] > 0).tolist()
        additions = zip(a.hash.tolist(), a.x.tolist(), a.exponent.tolist(), named, strict=True)
        for i, (thing, x, exponent, has_name) in enumerate(additions):
            whole = exponent >> FRAC_BITS
            block = whole >> BLOCK_BITS
            if block > base:
                down = (base - block) << BLOCK_BITS
                weights = [ldexp(weight, down) for weight in weights]
                base = block
            weight = ldexp(x * _POWERS[exponent & _FRACTION], whole - (base << BLOCK_BITS))
            if thing in hashes:
                slot = hashes.index(thing)
                weights[slot] += weight
                if not has_name:
                    continue
            elif len(hashes) < limit:
                slot = len(hashes)
                hashes.append(thing)
                weights.append(weight)
            else:
                _, _, slot = min(zip(weights, hashes, range(limit), strict=True))
                hashes[slot] = thing
                weights[slot] += weight
            text[slot] = i
        used = len(hashes)
        self.count[unit], self.base[unit] = used, base
        self.hash[unit, :used] = hashes
        self.weight[unit, :used] = weights
        if text:
            self.text[unit, list(text)] = a.text[list(text.values())]
