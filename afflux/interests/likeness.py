"""How alike the interests of people are: cosine, kind by kind, of decayed weights.

A person is one vector of unit length in each kind (category, product, page, section, tag) that
they are interested in. The likeness of two is the cosine of these vectors, averaged over the kinds
of the one who was asked for: 1 where proportions are the same, 0 where nothing is shared. It does
not depend on the time at which it is asked, since all weights of a kind fade alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from afflux.columns import F64, I64, U64
from afflux.interests.rules import SUBJECTS
from afflux.interests.slots import BLOCK_BITS
from afflux.interests.storage import decode


@dataclass(frozen=True, slots=True)
class Tastes:
    """Of `n` people. things, weight and person are aligned, by person."""

    n: int
    person: I64
    things: U64
    """Hash of each thing; things of two kinds never share one."""
    weight: F64
    """Of a unit vector of the person and kind."""
    kinds: I64
    """(n,) kinds that each is interested in."""

    def like(self, one: Tastes) -> F64:
        """(n,) likeness of everybody here to the single person of `one`."""
        found = np.zeros(self.n)
        if not len(one.things) or not len(self.things):
            return found
        order = one.things.argsort()
        known, weight = one.things[order], one.weight[order] / int(one.kinds[0])
        at = np.minimum(known.searchsorted(self.things), len(known) - 1)
        both = (known[at] == self.things).nonzero()[0]
        np.add.at(found, self.person[both], weight[at[both]] * self.weight[both])
        return found


def tastes(people: Sequence[Sequence[bytes]]) -> Tastes:
    """Of the rows of interests of each person, of all identities. Raises RowError.

    >>> tastes([[], []]).kinds.tolist()
    [0, 0]
    """
    rows = [row for person in people for row in person]
    owner = np.repeat(np.arange(len(people)), [len(person) for person in people])
    if not rows:
        none = np.empty(0, np.int64)
        return Tastes(
            len(people), none, none.astype(np.uint64), np.empty(0), np.zeros(len(people), np.int64)
        )
    head, slots, _, _ = decode(rows)
    count = head["count"].astype(np.int64)
    kind = np.tile(np.arange(SUBJECTS), len(rows)).repeat(count.reshape(-1))
    row = np.arange(len(rows)).repeat(count.sum(axis=1))
    unit = owner[row] * SUBJECTS + kind
    # Weights of two identities stand on bases of their own; relative to the highest nothing
    # overflows, and what is lost by that is 2^1000 times smaller than what is kept.
    base = head["base"].reshape(-1).repeat(count.reshape(-1)).astype(np.float64)
    top = np.full(len(people) * SUBJECTS, -np.inf)
    np.maximum.at(top, unit, base)
    weight = slots["weight"] * np.exp2(np.maximum((base - top[unit]) * (1 << BLOCK_BITS), -1000.0))
    thing = slots["hash"].astype(np.uint64) ^ _SALT[kind]
    order = np.lexsort((thing, unit))
    unit, thing, weight = unit[order], thing[order], weight[order]
    new = np.append(True, (unit[1:] != unit[:-1]) | (thing[1:] != thing[:-1])).nonzero()[0]
    weight = np.add.reduceat(weight, new) if len(new) and len(weight) else weight
    unit, thing = unit[new], thing[new]
    largest = np.zeros(len(people) * SUBJECTS)
    np.maximum.at(largest, unit, weight)
    weight = weight / np.where(largest[unit] > 0, largest[unit], 1.0)
    length = np.sqrt(np.bincount(unit, weight * weight, len(people) * SUBJECTS))
    kept = (length[unit] > 0).nonzero()[0]
    kinds = (length > 0).reshape(-1, SUBJECTS).sum(axis=1)
    return Tastes(
        len(people), unit[kept] // SUBJECTS, thing[kept], weight[kept] / length[unit[kept]], kinds
    )


_SALT = np.array([0x9E3779B97F4A7C15 * (s + 1) % 2**64 for s in range(SUBJECTS)], np.uint64)
